-- Gives a worker an alert to send whose time has come. Unless it says how that ended, another one gets it when the lease is over.
-- KEYS  when each kind is to be told; then for each kind: what is counted, what is being sent
-- ARGV  ms of the lease, ms that it is kept unsent, kind, …
-- Reply {'taken', kind, {field, value, …}} | {'none'}
-- @include clock
local now = now_ms()
for i = 3, #ARGV do
  local kind, counted, sending = ARGV[i], KEYS[2 * i - 4], KEYS[2 * i - 3]
  local due = redis.call('ZSCORE', KEYS[1], kind)
  if due and tonumber(due) <= now then
    if redis.call('EXISTS', sending) == 0 and redis.call('EXISTS', counted) == 1 then
      redis.call('RENAME', counted, sending)
      redis.call('HSET', sending, 'id', 'alert_' .. kind .. '_' .. now)
    end
    if redis.call('EXISTS', sending) == 1 then
      redis.call('HINCRBY', sending, 'tries', 1)
      redis.call('PEXPIRE', sending, ARGV[2])
      redis.call('ZADD', KEYS[1], now + ARGV[1], kind)
      return { 'taken', kind, redis.call('HGETALL', sending) }
    end
    redis.call('ZREM', KEYS[1], kind)
  end
end
return { 'none' }
