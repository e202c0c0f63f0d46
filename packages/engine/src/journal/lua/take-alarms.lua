-- Takes overdue alarms for one sweeper: each is moved ahead so that the others leave it alone, and comes back if this
-- sweeper dies.
-- KEYS  alarms
-- ARGV  how many at most, ms by which a taken alarm is moved ahead
-- Reply {now, run id, …}
-- @include clock
local now = now_ms()
local due = redis.call('ZRANGE', KEYS[1], '-inf', now, 'BYSCORE', 'LIMIT', 0, ARGV[1])
for i = 1, #due do redis.call('ZADD', KEYS[1], 'XX', now + ARGV[2], due[i]) end
table.insert(due, 1, now)
return due
