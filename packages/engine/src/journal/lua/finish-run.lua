-- Ends a run for good. A child keeps its alarm until its parent has been told. What was drawn from another run is settled with
-- it, or given back when nothing that the run did stands.
-- KEYS  run, alarms, the run that is drawn upon (only with a draw)
-- ARGV  owner, run id, status ('completed' | 'failed' | 'cancelled'), output (JSON, or '' when there is none), failure (JSON, or ''),
--       retention in ms, ms until a child's parent must have been told, amount drawn ('0' for none), what becomes of it
--       ('settled' | 'given_back'), field, record, …
-- Reply 'finished' | 'cancel_requested' (nothing was written: a cancel came first) | 'stale_owner'
-- @include clock
-- @include identity
-- @include owned
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
redis.call('PEXPIRE', KEYS[1], ARGV[6])
if KEYS[3] and redis.call('EXISTS', KEYS[3]) == 1 then
  if ARGV[9] == 'settled' then
    redis.call('HINCRBY', KEYS[3], 'settled', ARGV[8])
  else
    redis.call('HINCRBY', KEYS[3], 'drawn', -ARGV[8])
  end
  redis.call('HINCRBY', KEYS[3], 'revision', 1)
end
if run.parent then
  redis.call('ZADD', KEYS[2], now + ARGV[7], ARGV[2])
else
  redis.call('ZREM', KEYS[2], ARGV[2])
end
return 'finished'
