-- Calls those in who wait although there are places, or whose endpoint is gone. A paused endpoint's stay where they are.
-- KEYS  endpoint, in flight, waiting, lanes
-- ARGV  endpoint id, places, places when it is slow, ms until the lane is looked after again, how many are called in at most
-- Reply {delivery called in, …}
-- @include clock
-- @include lane
local endpoint, width, narrow, look_ms, most = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]), ARGV[4], tonumber(ARGV[5])
local keys = { endpoint = KEYS[1], in_flight = KEYS[2], waiting = KEYS[3] }
local status = redis.call('HGET', KEYS[1], 'status')
local now = now_ms()
local called = {}
if status ~= 'paused' then called = call_in(keys, status == 'active' and math.min(most, places(keys, now, width, narrow)) or most) end
if status ~= 'paused' and redis.call('ZCARD', KEYS[3]) > 0 then
  redis.call('ZADD', KEYS[4], now + look_ms, endpoint)
else
  redis.call('ZREM', KEYS[4], endpoint)
end
return called
