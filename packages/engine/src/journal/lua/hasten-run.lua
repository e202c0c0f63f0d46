-- Ends a parked run's wait for a time, for whoever develops and does not want to wait.
-- KEYS  run, alarms
-- ARGV  run id, owner as it was seen, field of the record that has the time ('' for none), that record as it was seen, record to put in its
--       place, ms until its job must have been claimed
-- Reply {'hastened', flow, job id} | {'changed'} (it does not wait so any more)
-- @include clock
-- @include identity
local f = redis.call('HMGET', KEYS[1], 'status', 'owner', 'flow', 'job', 'revision')
local parked = has_let_go(f[2]) and (f[1] == 'suspended' or f[1] == 'compensating')
if not parked or f[2] ~= ARGV[2] then return { 'changed' } end
if ARGV[3] ~= '' then
  local record = redis.call('HGET', KEYS[1], ARGV[3])
  if record == ARGV[5] then return { 'hastened', f[3], f[4] } end
  if record ~= ARGV[4] then return { 'changed' } end
  redis.call('HSET', KEYS[1], ARGV[3], ARGV[5])
end
local now = now_ms()
redis.call('HSET', KEYS[1], 'woken', f[2], 'revision', f[5] + 1, 'updatedAt', now)
redis.call('ZADD', KEYS[2], now + ARGV[6], ARGV[1])
return { 'hastened', f[3], f[4] }
