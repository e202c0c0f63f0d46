-- Ends a run for good. A child keeps its alarm until its parent has been told. What was drawn from another run is settled with
-- it, or given back when nothing that the run did stands.
-- KEYS  run, alarms, the tenant's events, events that are due, the tenant's subscribers, the run that is drawn upon (only with a draw)
-- ARGV  owner, run id, status ('completed' | 'failed' | 'cancelled'), output (JSON, or '' when there is none), failure (JSON, or ''),
--       retention in ms, ms until a child's parent must have been told, amount drawn ('0' for none), what becomes of it
--       ('settled' | 'given_back'), field, record, …
-- Reply 'finished' | 'cancel_requested' (nothing was written: a cancel came first) | 'stale_owner'
-- @include clock
-- @include identity
-- @include heads
-- @include owned
-- @include announce
-- @include limits
-- @include ending
-- @include events
local run, refused = load_owned(KEYS[1], ARGV[1])
if refused == 'repeated' then return 'finished' end
if refused then return refused end
if run.cancel and run.status == 'running' then return 'cancel_requested' end
local now = now_ms()
local set = { 'status', ARGV[3], 'owner', let_go(ARGV[1]), 'revision', run.revision + 1, 'updatedAt', now }
if ARGV[4] ~= '' then
  set[#set + 1] = 'output'
  set[#set + 1] = ARGV[4]
end
if ARGV[5] ~= '' then
  set[#set + 1] = 'failure'
  set[#set + 1] = ARGV[5]
end
add_records(KEYS[1], 10, set)
redis.call('HSET', KEYS[1], unpack(set))
free_places(KEYS[1], ARGV[2], KEYS[2], now)
end_run({ run = KEYS[1], alarms = KEYS[2], source = KEYS[6] }, ARGV[2], now, run.parent, ARGV[6], ARGV[7], ARGV[8], ARGV[9])
note_event({ run = KEYS[1], events = KEYS[3], due = KEYS[4], subscribers = KEYS[5] }, ARGV[2], 'run.' .. ARGV[3], 0, now)
return 'finished'
