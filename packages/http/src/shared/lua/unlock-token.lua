-- Gives a lock back, if it is still the owner's.
-- KEYS  lock
-- ARGV  owner
-- Reply 'unlocked' | 'lost': its time was over
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 'lost' end
redis.call('DEL', KEYS[1])
return 'unlocked'
