-- Changes a value of the tenant's state for a run, together with the outcomes of what came before it. Where somebody has changed the value
-- since the run knew it, the outcomes are recorded all the same.
-- KEYS  run, alarms, the value, names of the tenant's values
-- ARGV  owner, the value's name, what the run knows of it (as_expected), its next revision, the value (JSON, or sealed), '1' when it is
--       sealed or '', field of the change, its record without what came of it, field, record, …
-- Reply 'set' | 'conflict' | 'cancel_requested' (the outcomes were recorded, and no more) | 'stale_owner'
-- @include clock
-- @include identity
-- @include heads
-- @include owned
-- @include state
local run, refused = load_owned(KEYS[1], ARGV[1])
if refused then return 'stale_owner' end
-- the same again, its reply lost
local before = redis.call('HGET', KEYS[1], ARGV[7])
if before then return string.match(before, '"outcome":"(%a+)"') end
local now = now_ms()
local set = { 'revision', run.revision + 1, 'updatedAt', now }
if run.claims > 1 then
  set[#set + 1] = 'claims'
  set[#set + 1] = 1
end
add_records(KEYS[1], 9, set)
local cancelled = run.cancel and run.status == 'running'
local outcome = as_expected(KEYS[3], ARGV[3]) and 'set' or 'conflict'
if not cancelled then
  set[#set + 1] = ARGV[7]
  set[#set + 1] = string.sub(ARGV[8], 1, -2) .. ',"outcome":"' .. outcome .. '"}'
  if outcome == 'set' then put_state(KEYS[3], KEYS[4], ARGV[2], ARGV[4], ARGV[5], ARGV[6], now) end
end
redis.call('HSET', KEYS[1], unpack(set))
return cancelled and 'cancel_requested' or outcome
