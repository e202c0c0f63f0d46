-- Removes an endpoint, its secrets included.
-- KEYS  endpoint, the tenant's endpoints, its deliveries, lanes (endpoints for which deliveries wait: they end)
-- ARGV  tenant, id
-- Reply {'deleted'} | {'none'}
local known = redis.call('HMGET', KEYS[1], 'tenant', 'createdAt')
if known[1] ~= ARGV[1] then return { 'none' } end
redis.call('ZREM', KEYS[2], known[2] .. ':' .. ARGV[2])
redis.call('DEL', KEYS[1], KEYS[3])
redis.call('ZADD', KEYS[4], 0, ARGV[2])
return { 'deleted' }
