-- A worker says that it is alive, and counts: a count that falls back means that Redis has lost writes.
-- KEYS  workers, canary, rollback
-- ARGV  worker id, ms for which this holds, highest count this worker has seen
-- Reply count | '-' .. count when Redis went back in time; when that was noticed is kept for those who claim runs
-- @include clock
local now = now_ms()
redis.call('ZADD', KEYS[1], now + ARGV[2], ARGV[1])
local count = redis.call('INCR', KEYS[2])
if count > tonumber(ARGV[3]) then return tostring(count) end
redis.call('SET', KEYS[3], now)
redis.call('SET', KEYS[2], ARGV[3] + 1)
return '-' .. (ARGV[3] + 1)
