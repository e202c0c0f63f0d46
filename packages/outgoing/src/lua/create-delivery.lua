-- Notes that an event is to be delivered to an endpoint, unless that is known.
-- KEYS  delivery, the endpoint's deliveries
-- ARGV  id, what a delivery's key begins with, field, value, …
-- Reply 'created' | 'known'
-- @include clock
local id, prefix = ARGV[1], ARGV[2]
if redis.call('EXISTS', KEYS[1]) == 1 then return 'known' end
-- two for each that comes, so that the list is never much longer than the deliveries that are kept
for _, oldest in ipairs(redis.call('ZRANGE', KEYS[2], 0, 1)) do
  if redis.call('EXISTS', prefix .. oldest) == 0 then redis.call('ZREM', KEYS[2], oldest) end
end
local now = now_ms()
redis.call('HSET', KEYS[1], 'status', 'pending', 'attempts', 0, 'createdAt', now, unpack(ARGV, 3))
redis.call('ZADD', KEYS[2], now, id)
return 'created'
