-- Takes the run off its worker until a time, or at once (a worker that stops hands its runs back).
-- KEYS  run, alarms
-- ARGV  owner, run id, ms to wait, ms of grace after which the alarm goes off, what it waits for (JSON, or '' to hand back),
--       how many signals it knows of, field, record, …
-- Reply 'suspended' | 'cancel_requested' (nothing was written) | 'signalled' (the records were written; more has come in, so that the
--       run goes on) | 'stale_owner'
-- @include clock
-- @include identity
-- @include heads
-- @include owned
-- @include limits
local run, refused = load_owned(KEYS[1], ARGV[1])
if refused == 'repeated' then return 'suspended' end
if refused then return refused end
if run.cancel and run.status == 'running' and ARGV[5] ~= '' then return 'cancel_requested' end
local now = now_ms()
if ARGV[5] ~= '' and run.signals > tonumber(ARGV[6]) then
  local set = { 'claims', 0, 'revision', run.revision + 1, 'updatedAt', now }
  add_records(KEYS[1], 7, set)
  redis.call('HSET', KEYS[1], unpack(set))
  return 'signalled'
end
local set = { 'owner', let_go(ARGV[1]), 'claims', 0, 'waiting', ARGV[5], 'revision', run.revision + 1, 'updatedAt', now }
if run.status == 'running' then
  set[#set + 1] = 'status'
  set[#set + 1] = ARGV[5] == '' and 'pending' or 'suspended'
end
add_records(KEYS[1], 7, set)
redis.call('HSET', KEYS[1], unpack(set))
redis.call('ZADD', KEYS[2], now + ARGV[3] + ARGV[4], ARGV[2])
free_places(KEYS[1], ARGV[2], KEYS[2], now)
return 'suspended'
