-- Writes a schedule, unless somebody else has changed it. The same change again is one.
-- KEYS  schedule, names of the tenant's schedules, when schedules are due
-- ARGV  name, what it is called among those that are due, revision it must have ('' when it must not exist), token of this change, when it
--       is due (ms, or '' for never), field, value, …
-- Reply 'written' | 'changed' | 'gone' (there is none, and there should be)
local f = redis.call('HMGET', KEYS[1], 'revision', 'token')
if f[2] == ARGV[4] then return 'written' end
if ARGV[3] ~= '' and not f[1] then return 'gone' end
if (f[1] or '') ~= ARGV[3] then return 'changed' end
redis.call('HSET', KEYS[1], 'revision', (tonumber(f[1]) or 0) + 1, 'token', ARGV[4], unpack(ARGV, 6))
redis.call('ZADD', KEYS[2], 0, ARGV[1])
if ARGV[5] == '' then redis.call('ZREM', KEYS[3], ARGV[2]) else redis.call('ZADD', KEYS[3], ARGV[5], ARGV[2]) end
return 'written'
