-- Records step outcomes and intents of a running run.
-- KEYS  run
-- ARGV  owner, progress ('1' when a step's outcome is among them, '0' for intents only), field, record, …
-- Reply 'recorded' | 'cancel_requested' (recorded, and no further step may start) | 'stale_owner'
-- @include clock
-- @include identity
-- @include owned
local run, refused = load_owned(KEYS[1], ARGV[1])
if refused then return 'stale_owner' end
local set = { 'revision', run.revision + 1, 'updatedAt', now_ms() }
if ARGV[2] == '1' and run.claims > 1 then
  set[#set + 1] = 'claims'
  set[#set + 1] = 1
end
add_records(KEYS[1], 3, set, run.cancel and run.status == 'running')
redis.call('HSET', KEYS[1], unpack(set))
return run.cancel and 'cancel_requested' or 'recorded'
