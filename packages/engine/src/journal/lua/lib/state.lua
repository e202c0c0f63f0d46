-- What the scripts share that change a tenant's state: a value with a revision, which is another one after every change.

-- Whether the value is as the writer thinks: 'any', 'absent', 'present', or 'is:<revision>,…' for one of several.
local function as_expected(key, expected)
  if expected == 'any' then return true end
  local revision = redis.call('HGET', key, 'revision')
  if expected == 'absent' then return not revision end
  if not revision then return false end
  return expected == 'present' or string.find(',' .. string.sub(expected, 4) .. ',', ',' .. revision .. ',', 1, true) ~= nil
end

-- `sealed` is '1' for a value that is encrypted, else ''.
local function put_state(key, index, name, revision, value, sealed, now)
  redis.call('HSET', key, 'revision', revision, 'value', value, 'sealed', sealed, 'updatedAt', now)
  redis.call('ZADD', index, 0, name)
end
