-- Makes the caller the run's owner and gives it run and journal. The same claim sent twice is one claim.
-- KEYS  run, rollback
-- ARGV  claimant (unique per claim), job id that was delivered, versions the worker has (",1,2,")
-- Reply {'claimed', now, when Redis was last seen to have gone back in time or '', field, value, …} with the fields as they are
--       after the claim, but for updatedAt, which still tells when the run last changed before it
--       | {'unknown'} | {'superseded'} (another job carries the run now) | {'ended', status} | {'version_missing', version}
-- @include clock
local f = redis.call('HMGET', KEYS[1], 'status', 'job', 'version', 'owner', 'epoch', 'claims', 'revision', 'phase')
local status = f[1]
if not status then return { 'unknown' } end
if status == 'completed' or status == 'failed' or status == 'cancelled' or status == 'dead' then
  return { 'ended', status }
end
if f[2] ~= ARGV[2] then return { 'superseded' } end
if not string.find(ARGV[3], ',' .. f[3] .. ',', 1, true) then return { 'version_missing', f[3] } end

local now = now_ms()
local reply
if f[4] == (f[5] or '') .. ':' .. ARGV[1] then
  reply = redis.call('HGETALL', KEYS[1])
else
  reply = redis.call('HGETALL', KEYS[1])
  local epoch = (tonumber(f[5]) or 0) + 1
  local written = {
    'owner', epoch .. ':' .. ARGV[1],
    'epoch', epoch,
    'claims', (tonumber(f[6]) or 0) + 1,
    'status', f[8] and 'compensating' or 'running',
    'revision', f[7] + 1,
  }
  if tonumber(f[6] or 0) > 0 then
    -- the last owner did not let go of the run by itself
    local worker = string.match(ARGV[1], '^(.*)%.%d+$') or ARGV[1]
    redis.call('HSET', KEYS[1], 'h:c' .. epoch, '{"is":"taken_over","at":' .. now .. ',"worker":"' .. worker .. '"}')
  end
  redis.call('HSET', KEYS[1], 'updatedAt', now, unpack(written))
  -- the reply's later pairs win over its earlier ones
  for i = 1, #written do reply[#reply + 1] = tostring(written[i]) end
end
table.insert(reply, 1, 'claimed')
table.insert(reply, 2, now)
table.insert(reply, 3, redis.call('GET', KEYS[2]) or '')
return reply
