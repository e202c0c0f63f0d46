-- Keeps a signal for a run. The same id again changes nothing.
-- KEYS  run, alarms
-- ARGV  run id, signal id, signal (JSON), how many signals a run may keep, ms until its job must have been claimed
-- Reply {'delivered', flow, job id} (parked: the job is to be promoted) | {'delivered'} | {'repeated'} | {'run_finished'} | {'too_many'}
--       | {'unknown'}
-- @include clock
-- @include identity
local f = redis.call('HMGET', KEYS[1], 'status', 'owner', 'signals', 'flow', 'job', 'revision')
local status = f[1]
if not status then return { 'unknown' } end
local field = 'g:' .. ARGV[2]
if redis.call('HEXISTS', KEYS[1], field) == 1 then return { 'repeated' } end
if status == 'completed' or status == 'failed' or status == 'cancelled' then return { 'run_finished' } end
local count = tonumber(f[3]) or 0
if count >= tonumber(ARGV[4]) then return { 'too_many' } end
local now = now_ms()
local position = string.format('{"n":%d,', count + 1)
redis.call('HSET', KEYS[1], field, position .. string.sub(ARGV[3], 2), 'signals', count + 1,
  'revision', f[6] + 1, 'updatedAt', now)
-- a compensating run may wait for a child's end
local parked = has_let_go(f[2]) and (status == 'suspended' or status == 'compensating')
if not parked then return { 'delivered' } end
-- should the promotion be lost, the alarm knows by this that the present wait is over
redis.call('HSET', KEYS[1], 'woken', f[2])
redis.call('ZADD', KEYS[2], now + ARGV[5], ARGV[1])
return { 'delivered', f[4], f[5] }
