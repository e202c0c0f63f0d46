-- A run's fields as people see them: without the results of its steps and the payloads of its signals, which may be megabytes.
local function view_of(key)
  local fields = redis.call('HGETALL', key)
  for i = 1, #fields, 2 do
    local field, text = fields[i], fields[i + 1]
    local cut
    if string.find(field, '^[sutwcv]:') then
      -- nothing stands before a completed record's result that could hold these characters
      if string.find(text, '^{"kind":"completed"') or string.find(text, '^{"is":"completed"') then
        cut = string.find(text, ',"result":', 1, true)
      end
    elseif string.sub(field, 1, 2) == 'g:' then
      cut = string.find(text, ',"payload":', 1, true)
    end
    if cut then fields[i + 1] = string.sub(text, 1, cut - 1) .. '}' end
  end
  return fields
end
