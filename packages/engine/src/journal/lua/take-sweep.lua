-- Takes overdue alarms, and schedules that are due, for one sweeper: each is moved ahead so that the others leave it alone, and comes back
-- if this sweeper dies.
-- KEYS  alarms, when schedules are due
-- ARGV  how many alarms at most, ms by which what is taken is moved ahead, how many schedules at most
-- Reply {now, {run id, …}, {schedule, …}}
-- @include clock
local now = now_ms()
local function take(key, limit)
  local due = redis.call('ZRANGE', key, '-inf', now, 'BYSCORE', 'LIMIT', 0, limit)
  for i = 1, #due do redis.call('ZADD', key, 'XX', now + ARGV[2], due[i]) end
  return due
end
return { now, take(KEYS[1], ARGV[1]), take(KEYS[2], ARGV[3]) }
