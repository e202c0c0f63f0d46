-- Where a provider's limit and breaker stand. Only reads.
-- KEYS  state, slots
-- ARGV  now ('' for Redis' clock)
-- Reply {calls a second that were learned ('' for none), by its ceiling, ms until the gate opens,
--        breaker ('closed' | 'open' | 'half_open'), ms until it lets a probe through, slots held}
-- @include now
-- @include state
-- @include rate
local now = now_ms(ARGV[1])
local s = load_state(KEYS[1])
local rate = s.ceiling and learned_rate(s.ceiling, tonumber(s.busy), s.hold) or ''
local breaker, open_ms = 'closed', 0
if s['until'] then
  open_ms = math.max(0, math.ceil(s['until'] - now))
  breaker = open_ms > 0 and 'open' or 'half_open'
end
local gate_ms = math.max(0, math.ceil((tonumber(s.gate) or 0) - now))
return { tostring(rate), s.ceiling or '', gate_ms, breaker, open_ms, redis.call('ZCOUNT', KEYS[2], '(' .. now, '+inf') }
