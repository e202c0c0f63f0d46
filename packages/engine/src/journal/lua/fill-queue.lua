-- Looks after a run that waits in its lane: makes sure that it stands there, and that the queue is filled from the lanes.
-- KEYS  run, alarms
-- ARGV  run id, jobs that may wait in the queue, ms until a job that is let in must have been claimed, ms after which to look again
-- Reply 'looked_after' | 'moved_on' (it does not wait there any more)
-- @include clock
-- @include enqueue
-- @include lanes
local f = redis.call('HMGET', KEYS[1], 'flow', 'queued', 'status')
if not f[2] or f[3] ~= 'pending' then return 'moved_on' end
local at = places(KEYS[1], ARGV[1], f[1], KEYS[2])
local now = now_ms()
local lane, urgency = string.match(f[2], '^(.*):(%d)$')
if not redis.call('ZSCORE', at.lane .. lane, ARGV[1]) or not redis.call('ZSCORE', at.turns, lane) then
  join_lane(at, lane, ARGV[1], urgency)
end
redis.call('ZADD', KEYS[2], now + ARGV[4], ARGV[1])
let_in(at, ARGV[2], now, ARGV[3])
return 'looked_after'
