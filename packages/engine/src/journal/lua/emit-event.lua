-- Raises an event of a run's own, once for its name, together with the outcomes of what came before it.
-- KEYS  run, alarms, the tenant's events, events that are due, the tenant's subscribers, the event's payload
-- ARGV  owner, run id, type of the event, payload (JSON), how long it is kept (ms), field of the event, its record, field, record, …
-- Reply 'emitted' | 'cancel_requested' (the outcomes were recorded, and no more) | 'stale_owner'
-- @include clock
-- @include identity
-- @include heads
-- @include owned
-- @include events
local run, refused = load_owned(KEYS[1], ARGV[1])
if refused then return 'stale_owner' end
-- the same again, its reply lost
if redis.call('HEXISTS', KEYS[1], ARGV[6]) == 1 then return 'emitted' end
local now = now_ms()
local set = { 'revision', run.revision + 1, 'updatedAt', now }
if run.claims > 1 then
  set[#set + 1] = 'claims'
  set[#set + 1] = 1
end
add_records(KEYS[1], 8, set)
local cancelled = run.cancel and run.status == 'running'
if not cancelled then
  set[#set + 1] = ARGV[6]
  set[#set + 1] = ARGV[7]
  local keys = { run = KEYS[1], events = KEYS[3], due = KEYS[4], subscribers = KEYS[5], payload = KEYS[6] }
  note_event(keys, ARGV[2], ARGV[3], 0, now, ARGV[4], ARGV[5])
end
redis.call('HSET', KEYS[1], unpack(set))
return cancelled and 'cancel_requested' or 'emitted'
