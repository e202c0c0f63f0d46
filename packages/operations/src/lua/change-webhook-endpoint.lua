-- Changes fields of an endpoint. One that is active again starts without a past of failures, and what waits for it is looked after.
-- KEYS  endpoint, lanes (endpoints for which deliveries wait)
-- ARGV  tenant, id, field, value, … (an empty value removes the field)
-- Reply {'changed'} | {'unchanged'} | {'none'}
if redis.call('HGET', KEYS[1], 'tenant') ~= ARGV[1] then return { 'none' } end
local outcome = 'unchanged'
for i = 3, #ARGV, 2 do
  local field, value = ARGV[i], ARGV[i + 1]
  if (redis.call('HGET', KEYS[1], field) or '') ~= value then
    outcome = 'changed'
    if value == '' then redis.call('HDEL', KEYS[1], field) else redis.call('HSET', KEYS[1], field, value) end
    if field == 'status' and value == 'active' then
      redis.call('HDEL', KEYS[1], 'failingSince', 'slow')
      redis.call('ZADD', KEYS[2], 0, ARGV[2])
    end
  end
end
return { outcome }
