-- Notes when something happened to the subject of an event, unless something later was noted before.
-- KEYS  the subject's
-- ARGV  when it happened, ms for which that is known
-- Reply 'latest' (also for the same time again) | 'older'
local known = tonumber(redis.call('GET', KEYS[1]))
if known and known > tonumber(ARGV[1]) then return 'older' end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 'latest'
