-- What a step returned and what a signal carries may be megabytes, and people who look at a run see neither. Of a value that is large, what
-- they see of it stands beside it, in the field "x:<field>", so that it need not be read; `heads` says that there is such a field.

local LARGE = 2048

-- What people see of a record or signal; nil when that is all of it.
local function seen_of(field, text)
  local cut
  if string.find(field, '^[sutwcv]:') then
    -- nothing stands before a completed record's result that could hold these characters
    if string.find(text, '^{"kind":"completed"') or string.find(text, '^{"is":"completed"') then
      cut = string.find(text, ',"result":', 1, true)
    end
  elseif string.sub(field, 1, 2) == 'g:' then
    cut = string.find(text, ',"payload":', 1, true)
  end
  return cut and string.sub(text, 1, cut - 1) .. '}'
end

-- Adds the head of a value to what is about to be written, if it needs one.
local function add_head(set, field, text)
  local seen = #text > LARGE and seen_of(field, text)
  if not seen then return end
  local n = #set
  set[n + 1], set[n + 2], set[n + 3], set[n + 4] = 'heads', 1, 'x:' .. field, seen
end
