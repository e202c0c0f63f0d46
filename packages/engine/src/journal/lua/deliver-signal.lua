-- Keeps a signal for a run. The same id again changes nothing.
-- KEYS  run, alarms
-- ARGV  run id, signal id, signal (JSON), generation it is meant for ('' for whichever runs), how many signals that no wait has taken
--       a run may keep and how many bytes of them ('' for no limit: a child's end), ms until its job must have been claimed
-- Reply {'delivered', flow, job id} (parked: the job is to be promoted) | {'delivered'} | {'repeated'} | {'run_finished'} | {'too_many'}
--       | {'too_large'} | {'generation_ended', generation} (it is not that one that runs) | {'unknown'}
-- @include clock
-- @include identity
-- @include heads
local f = redis.call('HMGET', KEYS[1], 'status', 'owner', 'signals', 'flow', 'job', 'revision', 'generation', 'untaken', 'untakenBytes')
local status = f[1]
if not status then return { 'unknown' } end
if ARGV[4] ~= '' and ARGV[4] ~= f[7] then return { 'generation_ended', f[7] } end
local field = 'g:' .. ARGV[2]
if redis.call('HEXISTS', KEYS[1], field) == 1 then return { 'repeated' } end
if status == 'completed' or status == 'failed' or status == 'cancelled' then return { 'run_finished' } end
local count = tonumber(f[3]) or 0
-- runs of 0.1 do not say how many of their signals were taken
local untaken, bytes = tonumber(f[8]) or count, tonumber(f[9]) or 0
local position = string.format('{"n":%d,', count + 1)
local signal = position .. string.sub(ARGV[3], 2)
if ARGV[5] ~= '' and untaken >= tonumber(ARGV[5]) then return { 'too_many' } end
if ARGV[6] ~= '' and bytes + #signal > tonumber(ARGV[6]) then return { 'too_large' } end
local now = now_ms()
local set = { field, signal }
add_head(set, field, signal)
redis.call('HSET', KEYS[1], unpack(set))
redis.call('HSET', KEYS[1], 'signals', count + 1, 'untaken', untaken + 1, 'untakenBytes', bytes + #signal,
  'revision', f[6] + 1, 'updatedAt', now)
-- a compensating run may wait for a child's end
local parked = has_let_go(f[2]) and (status == 'suspended' or status == 'compensating')
if not parked then return { 'delivered' } end
-- should the promotion be lost, the alarm knows by this that the present wait is over
redis.call('HSET', KEYS[1], 'woken', f[2])
redis.call('ZADD', KEYS[2], now + ARGV[7], ARGV[1])
return { 'delivered', f[4], f[5] }
