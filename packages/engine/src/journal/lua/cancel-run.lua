-- Asks a run to undo what was done and end as cancelled. A dead run is brought back for it; one whose effects have all been answered for
-- by people has nothing left to do, and is ended by whoever looks after its alarm (end-answered), without its flow.
-- KEYS  run, alarms, the tenant's dead, the dead of all tenants
-- ARGV  run id, ms until its job must have been claimed, revision at which a dead run had nothing left to undo ('' when it has)
-- Reply {'cancelling', flow, job id, 'promote' | 'running'} | {'cancelling', flow, job id, 'add', deaths}
--       | {'cancelling', flow, job id, 'ends', deaths} | {'run_finished'} | {'changed'} (it is of another revision) | {'unknown'}
-- @include clock
-- @include identity
local f = redis.call('HMGET', KEYS[1], 'status', 'owner', 'flow', 'job', 'jobs', 'redrives', 'phase', 'cancel', 'revision', 'deaths')
local status = f[1]
if not status then return { 'unknown' } end
if status == 'completed' or status == 'failed' or status == 'cancelled' then return { 'run_finished' } end
local now = now_ms()
if status == 'dead' then
  if ARGV[3] ~= '' then
    if ARGV[3] ~= f[9] then return { 'changed' } end
    redis.call('HSET', KEYS[1], 'cancel', 1, 'h:cancel', '{"kind":"cancel_requested","at":' .. now .. '}', 'status', 'compensating',
      'phase', f[7] or 'cancelled', 'answered', 1, 'waiting', '', 'revision', f[9] + 1, 'updatedAt', now)
    redis.call('ZADD', KEYS[2], now, ARGV[1])
    redis.call('ZREM', KEYS[3], ARGV[1])
    redis.call('ZREM', KEYS[4], ARGV[1])
    return { 'cancelling', f[3], f[4], 'ends', tonumber(f[10]) }
  end
  local jobs = (tonumber(f[5]) or 0) + 1
  local job = nth_job(ARGV[1], jobs)
  redis.call('HSET', KEYS[1], 'h:cancel', '{"kind":"cancel_requested","at":' .. now .. '}')
  redis.call('HSET', KEYS[1], 'cancel', 1, 'status', f[7] and 'compensating' or 'pending', 'job', job, 'jobs', jobs,
    'redrives', (tonumber(f[6]) or 0) + 1, 'waiting', '', 'revision', f[9] + 1, 'updatedAt', now)
  redis.call('ZADD', KEYS[2], now + ARGV[2], ARGV[1])
  redis.call('ZREM', KEYS[3], ARGV[1])
  redis.call('ZREM', KEYS[4], ARGV[1])
  return { 'cancelling', f[3], job, 'add', tonumber(f[10]) }
end
if not f[8] then redis.call('HSET', KEYS[1], 'cancel', 1, 'h:cancel', '{"kind":"cancel_requested","at":' .. now .. '}', 'revision', f[9] + 1, 'updatedAt', now) end
local parked = has_let_go(f[2])
if not parked then return { 'cancelling', f[3], f[4], 'running' } end
-- should the promotion be lost, the alarm knows by this that the present wait is over
redis.call('HSET', KEYS[1], 'woken', f[2])
redis.call('ZADD', KEYS[2], now + ARGV[2], ARGV[1])
return { 'cancelling', f[3], f[4], 'promote' }
