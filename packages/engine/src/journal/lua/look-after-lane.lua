-- Looks after a run that waits for a place in its lane: places of runs that are with no worker any more are freed, and when it could have a
-- place it is woken.
-- KEYS  run, alarms
-- ARGV  run id, the tenant's limit ('' for none), ms after which to look again
-- Reply 'waits' | 'woken' | 'moved_on' (it waits for nothing of that kind)
-- @include clock
-- @include identity
-- @include limits
local f = redis.call('HMGET', KEYS[1], 'flow', 'lane', 'tenant', 'owner', 'waiting', 'job', 'createdAt', 'status')
if not has_let_go(f[4]) or f[5] ~= '{"kind":"lane"}' or f[8] ~= 'suspended' and f[8] ~= 'compensating' then return 'moved_on' end
local tag = string.sub(KEYS[1], 1, -#('/run/' .. ARGV[1]) - 1)
local now = now_ms()
local limits = limits_of(tag, f[1], f[2], f[3], ARGV[2])
for _, each in ipairs(limits) do
  for _, holder in ipairs(redis.call('SMEMBERS', each.held)) do
    local h = redis.call('HMGET', tag .. '/run/' .. holder, 'status', 'owner')
    if h[1] ~= 'running' and h[1] ~= 'compensating' or has_let_go(h[2]) then redis.call('SREM', each.held, holder) end
  end
end
local full = full_limit(limits, ARGV[1])
if not full then
  wake(tag, ARGV[1], f[1], f[6], f[4], KEYS[2], now)
  return 'woken'
end
redis.call('ZADD', full.waiting, f[7], ARGV[1])
redis.call('ZADD', KEYS[2], now + ARGV[3], ARGV[1])
return 'waits'
