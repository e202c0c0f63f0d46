-- Ends a run for good.
-- KEYS  run, alarms
-- ARGV  owner, run id, status ('completed' | 'failed' | 'cancelled'), output (JSON, or '' when there is none), failure (JSON, or ''),
--       retention in ms, field, record, …
-- Reply 'finished' | 'cancel_requested' (nothing was written: a cancel came first) | 'stale_owner'
-- @include clock
-- @include owned
local run, refused = load_owned(KEYS[1], ARGV[1])
if refused == 'repeated' then return 'finished' end
if refused then return refused end
if run.cancel and run.status == 'running' then return 'cancel_requested' end
local now = now_ms()
local set = { 'status', ARGV[3], 'owner', '-' .. ARGV[1], 'revision', run.revision + 1, 'updatedAt', now }
if ARGV[4] ~= '' then
  set[#set + 1] = 'output'
  set[#set + 1] = ARGV[4]
end
if ARGV[5] ~= '' then
  set[#set + 1] = 'failure'
  set[#set + 1] = ARGV[5]
end
add_records(KEYS[1], 7, set)
redis.call('HSET', KEYS[1], unpack(set))
redis.call('PEXPIRE', KEYS[1], ARGV[6])
redis.call('ZREM', KEYS[2], ARGV[2])
return 'finished'
