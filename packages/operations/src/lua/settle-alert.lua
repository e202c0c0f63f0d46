-- Says how the sending of an alert ended.
-- KEYS  when each kind is to be told, what is counted of this kind, what is being sent, whether the kind was told lately
-- ARGV  kind, id of the alert, 'sent' | 'failed' | 'given_up', ms until the next: of this alert when it failed, of its kind otherwise
-- Reply {'settled'} | {'stale'}: somebody else has settled it
-- @include clock
if redis.call('HGET', KEYS[3], 'id') ~= ARGV[2] then return { 'stale' } end
local next_at = now_ms() + ARGV[4]
if ARGV[3] == 'failed' then
  redis.call('ZADD', KEYS[1], next_at, ARGV[1])
  return { 'settled' }
end
redis.call('DEL', KEYS[3])
redis.call('SET', KEYS[4], '1', 'PX', ARGV[4])
if redis.call('EXISTS', KEYS[2]) == 1 then
  redis.call('ZADD', KEYS[1], next_at, ARGV[1])
else
  redis.call('ZREM', KEYS[1], ARGV[1])
end
return { 'settled' }
