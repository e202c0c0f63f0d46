-- Makes the caller the run's owner and gives it run and journal. The same claim sent twice is one claim.
-- An owner that did not release the run by itself may have started something that is not recorded: `lost` marks the run until the
-- next owner has written that down (record-doubts), and says since when it may have been.
-- As long as an owner's worker proves that it lives, the run is its own, also when BullMQ took the job for stalled; but what was claimed
-- before Redis went back in time may have been released since.
-- Whatever comes of it: a job has left the queue, so the next run is let in from the lanes.
-- KEYS  run, rollback, alarms, workers, pauses, held back
-- ARGV  claimant (unique per claim), job id that was delivered, versions the worker has (",1,2,"), run id, ms for which a run that must not
--       begin now is parked, ms for which its worker's proof of life holds from now on ('' to leave it): a worker without runs proves its
--       life seldom, and for long; flow, jobs that may wait in its queue, ms until a job that is let in must have been claimed, how many
--       runs of the tenant may be with workers at once ('' for any number)
-- Reply {'claimed', now, owner, claims in a row without progress, lost (ms, or ''), rollback (ms, or '' where the run forgot nothing),
--       since when the run may have forgotten what it did (ms, or ''), {field, value, …}} with the other fields as they were before
--       | {'unknown'} | {'superseded'} (another job carries the run now) | {'ended', status} | {'version_missing', version, ms after which it is to be tried again}
--       | {'held', ms for which the owner's worker is known to live} | {'paused', ms} (it has not begun, and must not now)
--       | {'lane_full', ms} (it is woken once there is a place)
-- @include clock
-- @include identity
-- @include enqueue
-- @include lanes
-- @include pauses
-- @include limits
local claimant, job, versions = ARGV[1], ARGV[2], ARGV[3]
local at = places(KEYS[1], ARGV[4], ARGV[7], KEYS[3])
local now = now_ms()
let_in(at, ARGV[8], now, ARGV[9])
local f = redis.call('HMGET', KEYS[1], 'status', 'job', 'version', 'owner', 'epoch', 'claims', 'revision', 'phase', 'lost', 'queued', 'lane', 'tenant')
local status = f[1]
if not status then return { 'unknown' } end
if status == 'completed' or status == 'failed' or status == 'cancelled' or status == 'dead' then
  return { 'ended', status }
end
if f[2] ~= job then return { 'superseded' } end
if not string.find(versions, ',' .. f[3] .. ',', 1, true) then
  -- the longer it has waited for a worker that has its version, the less often it is offered to those that lack it
  local again = math.min(30000, math.max(1000, math.floor((now - redis.call('HGET', KEYS[1], 'updatedAt')) / 10)))
  redis.call('ZADD', KEYS[3], 'XX', now + again + 5000, ARGV[4])
  return { 'version_missing', f[3], again }
end
if hold_back({ run = KEYS[1], alarms = KEYS[3], pauses = KEYS[5], held_back = KEYS[6] }, ARGV[4], claimant, now, tonumber(ARGV[5])) then
  return { 'paused', tonumber(ARGV[5]) }
end

local fields = redis.call('HGETALL', KEYS[1])
local rollback = redis.call('GET', KEYS[2]) or ''
local forgot = ''
local g = rollback ~= '' and redis.call('HMGET', KEYS[1], 'present', 'forgotAt', 'forgotSince', 'createdAt', 'updatedAt')
if g and tonumber(g[4]) < tonumber(rollback) then
  if (tonumber(g[1]) or 0) < tonumber(rollback) then
    forgot = g[3] or g[5]
    if g[2] ~= rollback then redis.call('HSET', KEYS[1], 'forgotAt', rollback, 'forgotSince', forgot) end
  end
end
if forgot == '' then rollback = '' end

if f[4] == owner_of(f[5] or '', claimant) then
  return { 'claimed', now, f[4], f[6], f[9] or '', rollback, forgot, fields }
end

local holder = f[4] and not has_let_go(f[4]) and worker_of(f[4])
if holder and holder ~= worker_of(owner_of(0, claimant)) then
  local lives_for = (tonumber(redis.call('ZSCORE', KEYS[4], holder)) or 0) - now
  local claimed_at = tonumber(redis.call('HGET', KEYS[1], 'claimedAt')) or 0
  if lives_for > 0 and claimed_at > (tonumber(redis.call('GET', KEYS[2])) or 0) then return { 'held', lives_for } end
end

local limits = limits_of(string.sub(KEYS[1], 1, -#('/run/' .. ARGV[4]) - 1), ARGV[7], f[11], f[12], ARGV[10])
if #limits > 0 then
  local w = redis.call('HMGET', KEYS[1], 'cancel', 'claimedAt', 'createdAt')
  -- of a run that is cancelled before it began nothing starts
  if not (w[1] and not w[2]) and not take_places(limits, ARGV[4], w[3]) then
    if not has_let_go(f[4]) then redis.call('HSET', KEYS[1], 'owner', let_go(owner_of(0, claimant))) end
    redis.call('HSET', KEYS[1], 'status', f[8] and 'compensating' or 'suspended', 'waiting', '{"kind":"lane"}',
      'revision', f[7] + 1, 'updatedAt', now)
    redis.call('HDEL', KEYS[1], 'woken')
    redis.call('ZADD', KEYS[3], now + LOOK_AGAIN_MS, ARGV[4])
    return { 'lane_full', tonumber(ARGV[5]) }
  end
end

local epoch = (tonumber(f[5]) or 0) + 1
local owner = owner_of(epoch, claimant)
local claims = (tonumber(f[6]) or 0) + 1
local lost = f[9] or ''
if claims > 1 then
  redis.call('HSET', KEYS[1], 'h:c' .. epoch,
    '{"kind":"taken_over","at":' .. now .. ',"worker":"' .. (worker_of(owner) or claimant) .. '"}')
  -- runs of 0.1 do not say when they were claimed
  if lost == '' then
    local h = redis.call('HMGET', KEYS[1], 'claimedAt', 'updatedAt')
    lost = h[1] or h[2]
  end
end
redis.call('HSET', KEYS[1], 'owner', owner, 'epoch', epoch, 'claims', claims, 'claimedAt', now,
  'status', f[8] and 'compensating' or 'running', 'revision', f[7] + 1, 'updatedAt', now)
if lost ~= '' then redis.call('HSET', KEYS[1], 'lost', lost) end
if f[10] then
  -- its job came to the queue past its lane
  redis.call('HDEL', KEYS[1], 'queued')
  leave_lane(at, string.match(f[10], '^(.*):%d$'), ARGV[4])
end
if ARGV[6] ~= '' then redis.call('ZADD', KEYS[4], 'XX', now + ARGV[6], worker_of(owner)) end
return { 'claimed', now, owner, claims, lost, rollback, forgot, fields }
