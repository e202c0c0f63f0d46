-- Lets calls to a provider through again, whatever it asked for and however it has been doing. What was learned of its rate stays.
-- KEYS  state, failed
-- ARGV  now ('' for Redis' clock)
-- Reply {ms until the gate would have opened, breaker as it was ('closed' | 'open')}
-- @include now
-- @include state
local now = now_ms(ARGV[1])
local s = load_state(KEYS[1])
redis.call('HDEL', KEYS[1], 'gate', 'tail', 'until', 'trips', 'probe', 'probeAt', 'probeBy')
redis.call('DEL', KEYS[2])
return { math.max(0, math.ceil((tonumber(s.gate) or 0) - now)), s['until'] and 'open' or 'closed' }
