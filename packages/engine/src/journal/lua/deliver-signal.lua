-- Keeps a signal for a run. The same id again changes nothing.
-- KEYS  run, alarms
-- ARGV  run id, signal id, signal (JSON), generation it is meant for ('' for whichever runs), how many signals that no wait has taken
--       a run may keep and how many bytes of them ('' for no limit: a child's end), ms until its job must have been claimed
-- Reply {'delivered', flow, job id} (parked: the job is to be promoted) | {'delivered'} | {'repeated'} | {'run_finished'} | {'too_many'}
--       | {'too_large'} | {'generation_ended', generation} (it is not that one that runs) | {'unknown'}
-- @include clock
-- @include identity
-- @include heads
-- @include signal
local f = redis.call('HMGET', KEYS[1], 'status', 'owner', 'signals', 'flow', 'job', 'revision', 'generation', 'untaken', 'untakenBytes')
local status = f[1]
if not status then return { 'unknown' } end
if ARGV[4] ~= '' and ARGV[4] ~= f[7] then return { 'generation_ended', f[7] } end
if redis.call('HEXISTS', KEYS[1], 'g:' .. ARGV[2]) == 1 then return { 'repeated' } end
if status == 'completed' or status == 'failed' or status == 'cancelled' then return { 'run_finished' } end
local count = tonumber(f[3]) or 0
-- runs of 0.1 do not say how many of their signals were taken
local untaken, bytes = tonumber(f[8]) or count, tonumber(f[9]) or 0
local signal = placed(ARGV[3], count)
if ARGV[5] ~= '' and untaken >= tonumber(ARGV[5]) then return { 'too_many' } end
if ARGV[6] ~= '' and bytes + #signal > tonumber(ARGV[6]) then return { 'too_large' } end
local standing = { status = status, owner = f[2], signals = count, revision = f[6], untaken = untaken, bytes = bytes }
local parked = keep_signal(KEYS[1], KEYS[2], ARGV[1], ARGV[2], signal, standing, ARGV[7])
if not parked then return { 'delivered' } end
return { 'delivered', f[4], f[5] }
