-- Moves a run's alarm ahead, or takes it away when the run has ended or is gone.
-- KEYS  run, alarms
-- ARGV  run id, ms from now
-- Reply 'moved' | 'removed'
-- @include clock
local status = redis.call('HGET', KEYS[1], 'status')
if not status or status == 'completed' or status == 'failed' or status == 'cancelled' then
  redis.call('ZREM', KEYS[2], ARGV[1])
  return 'removed'
end
redis.call('ZADD', KEYS[2], 'XX', now_ms() + ARGV[2], ARGV[1])
return 'moved'
