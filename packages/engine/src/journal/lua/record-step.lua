-- Records step outcomes and intents of a running run.
-- KEYS  run
-- ARGV  owner, progress ('1' when a step's outcome is among them, '0' for intents only), field, record, …
-- Reply 'recorded' | 'cancel_requested' (recorded, and no further step may start) | 'stale_owner'
-- @include clock
-- @include identity
-- @include heads
-- @include owned
local run, refused = load_owned(KEYS[1], ARGV[1])
if refused then return 'stale_owner' end
local set = { 'revision', run.revision + 1, 'updatedAt', now_ms() }
if ARGV[2] == '1' and run.claims > 1 then
  set[#set + 1] = 'claims'
  set[#set + 1] = 1
end
-- The same write again, its reply lost, and a cancel came in between: its intents hold, as the first reply said.
local again = false
for i = 3, #ARGV, 2 do
  again = again or kind_of(ARGV[i + 1]) == 'started' and redis.call('HGET', KEYS[1], ARGV[i]) == ARGV[i + 1]
end
local refuses = run.cancel and not again
add_records(KEYS[1], 3, set, refuses and run.status == 'running')
redis.call('HSET', KEYS[1], unpack(set))
return refuses and 'cancel_requested' or 'recorded'
