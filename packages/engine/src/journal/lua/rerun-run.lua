-- Starts a terminal run afresh as its next generation: the same input, an empty journal, new provider keys.
-- KEYS  run, alarms
-- ARGV  run id, generation that is to be followed, version to begin with, ms until its job must have been claimed
-- Reply {'rerun', flow, job id} | {'not_finished'} | {'drawn'} (it draws upon another run, or is drawn upon) | {'repeated'} (that generation was followed already) | {'unknown'}
-- @include clock
-- @include identity
local f = redis.call('HMGET', KEYS[1], 'status', 'generation', 'jobs', 'flow', 'revision', 'draw', 'drawn')
local status = f[1]
if not status then return { 'unknown' } end
if f[2] ~= ARGV[2] then return { 'repeated' } end
if status ~= 'completed' and status ~= 'failed' and status ~= 'cancelled' then return { 'not_finished' } end
if f[6] or (tonumber(f[7]) or 0) > 0 then return { 'drawn' } end
local gone = { 'phase', 'failure', 'output', 'cancel', 'waiting', 'death', 'signals', 'owner', 'claims', 'lost',
  'claimedAt', 'doubts', 'forgotAt', 'forgotSince', 'acted', 'answered', 'untaken', 'untakenBytes', 'heads',
  'correlations' }
for _, field in ipairs(redis.call('HKEYS', KEYS[1])) do
  if string.find(field, '^[sutwcghbkrvxe]:') then gone[#gone + 1] = field end
end
for i = 1, #gone, 1000 do redis.call('HDEL', KEYS[1], unpack(gone, i, math.min(i + 999, #gone))) end
local now = now_ms()
local jobs = (tonumber(f[3]) or 0) + 1
local job = nth_job(ARGV[1], jobs)
redis.call('HSET', KEYS[1], 'status', 'pending', 'generation', f[2] + 1, 'version', ARGV[3], 'job', job, 'jobs', jobs,
  'revision', f[5] + 1, 'updatedAt', now, 'present', now)
redis.call('PERSIST', KEYS[1])
redis.call('ZADD', KEYS[2], now + ARGV[4], ARGV[1])
return { 'rerun', f[4], job }
