-- Moves a run's alarm ahead, or takes it away when the run has ended or is gone.
-- KEYS  run, alarms
-- ARGV  run id, ms from now, number of the death that the run must be dead by (left out for any run)
-- Reply 'moved' | 'removed' | 'moved_on' (nothing was changed: the run is no longer dead by that death)
-- @include clock
local f = redis.call('HMGET', KEYS[1], 'status', 'deaths')
local status = f[1]
if ARGV[3] and (status ~= 'dead' or f[2] ~= ARGV[3]) then return 'moved_on' end
if not status or status == 'completed' or status == 'failed' or status == 'cancelled' then
  redis.call('ZREM', KEYS[2], ARGV[1])
  return 'removed'
end
redis.call('ZADD', KEYS[2], 'XX', now_ms() + ARGV[2], ARGV[1])
return 'moved'
