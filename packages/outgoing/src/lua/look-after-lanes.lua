-- Takes lanes that are to be looked after: each is moved ahead, and comes back should this caller die.
-- KEYS  lanes
-- ARGV  how many at most, ms by which a lane is moved ahead
-- Reply {endpoint id, …}
-- @include clock
local now = now_ms()
local due = redis.call('ZRANGE', KEYS[1], '-inf', now, 'BYSCORE', 'LIMIT', 0, ARGV[1])
for i = 1, #due do redis.call('ZADD', KEYS[1], 'XX', now + ARGV[2], due[i]) end
return due
