-- Takes a place in an endpoint's lane for one request. Asked again by the one that has a place, it keeps it.
-- KEYS  endpoint, delivery, in flight, waiting, lanes
-- ARGV  tenant, endpoint id, delivery id, ms that the place is held, places, places when the endpoint is slow, ms until the lane is looked
--       after, ms that an ended delivery is kept, '1' when it is sent to a paused or disabled endpoint as well, '1' when it is called in where there is
--       no place
-- Reply 'go' | 'full' | 'slow' (full, and the endpoint is slow: it is called in) | 'paused' (it is called in) | 'disabled' | 'deleted'
-- @include clock
-- @include lane
local tenant, endpoint, id, held_ms = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
local width, narrow, look_ms, kept_ms = tonumber(ARGV[5]), tonumber(ARGV[6]), ARGV[7], ARGV[8]
local always, queue = ARGV[9] == '1', ARGV[10] == '1'
local keys = { endpoint = KEYS[1], in_flight = KEYS[3], waiting = KEYS[4] }
local known = redis.call('HMGET', KEYS[1], 'tenant', 'status')
if known[1] ~= tenant then
  end_delivery(KEYS[2], 'The endpoint was deleted.', kept_ms)
  redis.call('ZREM', KEYS[4], id)
  return 'deleted'
end
if known[2] == 'disabled' and not always then
  end_delivery(KEYS[2], 'The endpoint is disabled.', kept_ms)
  redis.call('ZREM', KEYS[4], id)
  return 'disabled'
end
local now = now_ms()
local since = redis.call('HGET', KEYS[2], 'createdAt') or now
if known[2] == 'paused' and not always then
  redis.call('ZADD', KEYS[4], since, id)
  return 'paused'
end
if places(keys, now, width, narrow) < 1 and not redis.call('ZSCORE', KEYS[3], id) then
  local slow = redis.call('HEXISTS', KEYS[1], 'slow') == 1
  if queue or slow then
    redis.call('ZADD', KEYS[4], since, id)
    redis.call('ZADD', KEYS[5], 'NX', now + look_ms, endpoint)
  end
  return slow and 'slow' or 'full'
end
redis.call('ZADD', KEYS[3], now + held_ms, id)
redis.call('PEXPIRE', KEYS[3], held_ms * 2)
redis.call('ZREM', KEYS[4], id)
if redis.call('HGET', KEYS[2], 'status') == 'dead' then redis.call('HSET', KEYS[2], 'status', 'pending') end
redis.call('PERSIST', KEYS[2])
return 'go'
