-- Lets calls to a provider through again, whatever it asked for and however it has been doing. What was learned of its rate stays.
-- KEYS  state, failed, state of an endpoint that was refused, …
-- ARGV  now ('' for Redis' clock)
-- Reply {ms until the last gate would have opened, breaker as it was ('closed' | 'open')}
-- @include now
-- @include state
local now = now_ms(ARGV[1])
local s = load_state(KEYS[1])
local gate = tonumber(s.gate) or 0
redis.call('HDEL', KEYS[1], 'gate', 'tail', 'look', 'until', 'trips', 'probe', 'probeAt', 'probeBy')
redis.call('DEL', KEYS[2])
for i = 3, #KEYS do
  gate = math.max(gate, tonumber(redis.call('HGET', KEYS[i], 'gate') or 0))
  redis.call('HDEL', KEYS[i], 'gate', 'tail', 'look')
end
return { math.max(0, math.ceil(gate - now)), s['until'] and 'open' or 'closed' }
