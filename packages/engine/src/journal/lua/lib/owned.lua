-- What the writing scripts of a run's owner share. They include clock, identity and heads, take KEYS[1] = run, KEYS[2] = alarms (where they move the alarm),
-- ARGV[1] = owner, and end with pairs of journal field and record.

-- The run's fields that a write needs, and whether the owner may write.
-- A parked, finished or dead run keeps its last owner behind a "-": a repeat of that owner's last call is told apart
-- from another owner's.
local function load_owned(key, owner)
  local f = redis.call('HMGET', key, 'owner', 'revision', 'claims', 'status', 'cancel', 'signals', 'parent')
  local run = { revision = tonumber(f[2]), claims = tonumber(f[3]), status = f[4], cancel = f[5],
    signals = tonumber(f[6]) or 0, parent = f[7] }
  if f[1] == owner then return run, nil end
  if f[1] == let_go(owner) then return run, 'repeated' end
  return run, 'stale_owner'
end

-- What a record says it is: 'completed', 'rejected', 'started', … Records written by 0.1 say `is` where later ones say `kind`.
local function kind_of(record)
  return string.match(record, '^{"kind":"([a-z_]+)"') or string.match(record, '^{"is":"([a-z_]+)"')
end

-- A record that says how a step ended never changes again; a refused undo may be tried again after a redrive.
local function is_final(field, record)
  if not record then return false end
  local kind = kind_of(record)
  return kind == 'completed' or kind == 'rejected' and string.sub(field, 1, 2) ~= 'u:'
end

-- A signal that a wait has taken keeps its place, so that it is known when it comes again; its payload is in the wait's record.
local function take_signal(key, record, set)
  local id = string.match(record, '"signal":"([^"]+)"')
  local signal = id and redis.call('HGET', key, 'g:' .. id)
  local cut = signal and string.find(signal, ',"payload":', 1, true)
  if not cut then return end
  redis.call('HDEL', key, 'x:g:' .. id)
  set[#set + 1] = 'g:' .. id
  set[#set + 1] = string.sub(signal, 1, cut - 1) .. '}'
  if redis.call('HEXISTS', key, 'untaken') == 1 then
    redis.call('HINCRBY', key, 'untaken', -1)
    redis.call('HINCRBY', key, 'untakenBytes', -#signal)
  end
end

-- Adds ARGV[first..] (pairs of field and record) to `set`, but for fields that already hold a final record, and for
-- intents of a run that is to be cancelled: their steps do not start.
local function add_records(key, first, set, without_intents)
  for i = first, #ARGV, 2 do
    if not (without_intents and kind_of(ARGV[i + 1]) == 'started') and not is_final(ARGV[i], redis.call('HGET', key, ARGV[i])) then
      set[#set + 1] = ARGV[i]
      set[#set + 1] = ARGV[i + 1]
      add_head(set, ARGV[i], ARGV[i + 1])
      if string.find(ARGV[i], '^[wc]:') then take_signal(key, ARGV[i + 1], set) end
    end
  end
end
