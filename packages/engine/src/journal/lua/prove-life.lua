-- A worker says that it is alive, and counts: a count that falls back means that Redis has lost writes.
-- KEYS  workers, canary, rollback
-- ARGV  worker id, ms for which this holds, highest count this worker has seen, '1' when a replica has become the master since
-- Reply count | '-' .. count when Redis went back in time; when that was noticed is kept for those who claim runs
-- @include clock
local now = now_ms()
redis.call('ZADD', KEYS[1], now + ARGV[2], ARGV[1])
local count = redis.call('INCR', KEYS[2])
local last = tonumber(ARGV[3])
if count > last and ARGV[4] ~= '1' then return tostring(count) end
redis.call('SET', KEYS[3], now)
if count <= last then
  count = last + 1
  redis.call('SET', KEYS[2], count)
end
return '-' .. count
