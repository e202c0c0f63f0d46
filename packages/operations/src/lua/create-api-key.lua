-- Stores an API key.
-- KEYS  key, the tenant's keys
-- ARGV  id, ms that it holds ('' for ever), ms that it is shown after its end, field, value, …
-- Reply {'created'} (also when it was created before)
-- @include clock
if redis.call('EXISTS', KEYS[1]) == 1 then return { 'created' } end
local now = now_ms()
redis.call('HSET', KEYS[1], 'createdAt', now, unpack(ARGV, 4))
if ARGV[2] ~= '' then
  redis.call('HSET', KEYS[1], 'expiresAt', now + ARGV[2])
  redis.call('PEXPIREAT', KEYS[1], now + ARGV[2] + ARGV[3])
end
redis.call('ZADD', KEYS[2], now, ARGV[1])
return { 'created' }
