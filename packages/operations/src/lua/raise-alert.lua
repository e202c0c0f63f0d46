-- Counts something that people are to be told of, once, and schedules its alert.
-- KEYS  when each kind is to be told, what is counted of this kind, whether this very thing was counted, whether the kind was told lately
-- ARGV  kind, group (JSON), example (may be ''), ms to collect for, ms for which the thing is known, '1' to know it for as long again,
--       groups at most, ms that unsent counts are kept
-- Reply {'counted'} | {'seen'}: it was counted before
-- @include clock
if not redis.call('SET', KEYS[3], '1', 'NX', 'PX', ARGV[5]) then
  if ARGV[6] == '1' then redis.call('PEXPIRE', KEYS[3], ARGV[5]) end
  return { 'seen' }
end
local now = now_ms()
local group = ARGV[2]
if redis.call('HEXISTS', KEYS[2], 'n:' .. group) == 0 then
  if tonumber(redis.call('HGET', KEYS[2], 'groups') or 0) >= tonumber(ARGV[7]) then
    group = ''
  else
    redis.call('HINCRBY', KEYS[2], 'groups', 1)
    redis.call('HSET', KEYS[2], 'e:' .. group, ARGV[3])
  end
end
redis.call('HSETNX', KEYS[2], 'since', now)
redis.call('HINCRBY', KEYS[2], 'n:' .. group, 1)
redis.call('PEXPIRE', KEYS[2], ARGV[8])
-- a kind that is there already waits for its time, or is being sent: what comes meanwhile goes with the next
redis.call('ZADD', KEYS[1], 'NX', now + math.max(tonumber(ARGV[4]), redis.call('PTTL', KEYS[4])), ARGV[1])
return { 'counted' }
