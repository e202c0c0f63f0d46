-- Changes fields of an endpoint.
-- KEYS  endpoint
-- ARGV  tenant, field, value, … (an empty value removes the field)
-- Reply {'changed'} | {'unchanged'} | {'none'}
if redis.call('HGET', KEYS[1], 'tenant') ~= ARGV[1] then return { 'none' } end
local outcome = 'unchanged'
for i = 2, #ARGV, 2 do
  local field, value = ARGV[i], ARGV[i + 1]
  if (redis.call('HGET', KEYS[1], field) or '') ~= value then
    outcome = 'changed'
    if value == '' then redis.call('HDEL', KEYS[1], field) else redis.call('HSET', KEYS[1], field, value) end
  end
end
return { outcome }
