-- A run's fields as people see them: without the results of its steps and the payloads of its signals. Includes heads.

local function read_all(key)
  local fields = redis.call('HGETALL', key)
  for i = 1, #fields, 2 do
    fields[i + 1] = seen_of(fields[i], fields[i + 1]) or fields[i + 1]
  end
  return fields
end

-- @param without_input for who shows none: it may be large too
local function view_of(key, without_input)
  local has_heads = redis.call('HEXISTS', key, 'heads') == 1
  if not has_heads and not (without_input and redis.call('HSTRLEN', key, 'input') > LARGE) then return read_all(key) end
  local names, headed = redis.call('HKEYS', key), {}
  for _, name in ipairs(names) do
    if string.sub(name, 1, 2) == 'x:' then headed[string.sub(name, 3)] = true end
  end
  local wanted = {}
  for _, name in ipairs(names) do
    if not headed[name] and not (without_input and name == 'input') then wanted[#wanted + 1] = name end
  end
  local fields = {}
  for first = 1, #wanted, 1000 do
    local values = redis.call('HMGET', key, unpack(wanted, first, math.min(first + 999, #wanted)))
    for i = 1, math.min(1000, #wanted - first + 1) do
      local name, text = wanted[first + i - 1], values[i]
      if string.sub(name, 1, 2) == 'x:' then name = string.sub(name, 3) end
      fields[#fields + 1] = name
      fields[#fields + 1] = seen_of(name, text) or text
    end
  end
  return fields
end
