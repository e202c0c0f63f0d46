-- Lets one process at a time renew a token, and numbers them: of two that both think that they hold the lock, the later one counts.
-- KEYS  lock, its number
-- ARGV  owner (unique; the same one again has the same lock), ms it holds at most, ms to keep the number
-- Reply the number | 'held' by another
local owner = redis.call('GET', KEYS[1])
if owner and owner ~= ARGV[1] then return 'held' end
if owner then return tonumber(redis.call('GET', KEYS[2]) or 1) end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
local number = redis.call('INCR', KEYS[2])
redis.call('PEXPIRE', KEYS[2], ARGV[3])
return number
