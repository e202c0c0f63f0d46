-- Makes the caller the run's owner and gives it run and journal. The same claim sent twice is one claim.
-- KEYS  run, rollback
-- ARGV  claimant (unique per claim), job id that was delivered, versions the worker has (",1,2,")
-- Reply {'claimed', now, when Redis was last seen to have gone back in time or '', owner, claims in a row without progress,
--       {field, value, …}} with the other fields as they were before the claim
--       | {'unknown'} | {'superseded'} (another job carries the run now) | {'ended', status} | {'version_missing', version}
-- @include clock
-- @include identity
local f = redis.call('HMGET', KEYS[1], 'status', 'job', 'version', 'owner', 'epoch', 'claims', 'revision', 'phase')
local status = f[1]
if not status then return { 'unknown' } end
if status == 'completed' or status == 'failed' or status == 'cancelled' or status == 'dead' then
  return { 'ended', status }
end
if f[2] ~= ARGV[2] then return { 'superseded' } end
if not string.find(ARGV[3], ',' .. f[3] .. ',', 1, true) then return { 'version_missing', f[3] } end

local now = now_ms()
local rollback = redis.call('GET', KEYS[2]) or ''
local fields = redis.call('HGETALL', KEYS[1])
if f[4] == owner_of(f[5] or '', ARGV[1]) then return { 'claimed', now, rollback, f[4], f[6], fields } end

local epoch = (tonumber(f[5]) or 0) + 1
local owner = owner_of(epoch, ARGV[1])
local claims = (tonumber(f[6]) or 0) + 1
if claims > 1 then
  -- the last owner did not let go of the run by itself
  local worker = worker_of(owner) or ARGV[1]
  redis.call('HSET', KEYS[1], 'h:c' .. epoch, '{"kind":"taken_over","at":' .. now .. ',"worker":"' .. worker .. '"}')
end
redis.call('HSET', KEYS[1], 'owner', owner, 'epoch', epoch, 'claims', claims,
  'status', f[8] and 'compensating' or 'running', 'revision', f[7] + 1, 'updatedAt', now)
return { 'claimed', now, rollback, owner, claims, fields }
