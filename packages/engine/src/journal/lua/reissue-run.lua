-- Gives a run a new job because the one it has will not bring it back (its worker is gone, BullMQ gave up on it). An
-- owner that has not released the run is shut out.
-- KEYS  run, alarms
-- ARGV  run id, job id it is thought to have, owner it is thought to have ('' for none), ms until the job must have been claimed
-- Reply {'reissued', job id, claims without progress} | {'moved_on'} (terminal, dead, or no longer as thought)
-- @include clock
-- @include identity
local f = redis.call('HMGET', KEYS[1], 'status', 'job', 'owner', 'jobs', 'claims', 'revision')
local status = f[1]
if not status or status == 'completed' or status == 'failed' or status == 'cancelled' or status == 'dead' then
  return { 'moved_on' }
end
if f[2] ~= ARGV[2] or (f[3] or '') ~= ARGV[3] then return { 'moved_on' } end
local now = now_ms()
local jobs = (tonumber(f[4]) or 0) + 1
local job = nth_job(ARGV[1], jobs)
redis.call('HSET', KEYS[1], 'job', job, 'jobs', jobs, 'revision', f[6] + 1, 'updatedAt', now)
-- a signal finds by its owner that a run is parked
if not has_let_go(f[3]) then redis.call('HSET', KEYS[1], 'owner', '') end
redis.call('ZADD', KEYS[2], now + ARGV[4], ARGV[1])
return { 'reissued', job, tonumber(f[5]) or 0 }
