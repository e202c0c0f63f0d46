-- Finds the run that registered a reference. When there is none, the caller is told once there is.
-- KEYS  the reference, runs that wait for it to be registered
-- ARGV  run id of the caller, ms for which it is kept
-- Reply {'found', run id} | {'none'}
local found = redis.call('GET', KEYS[1])
if found then return { 'found', found } end
redis.call('SADD', KEYS[2], ARGV[1])
redis.call('PEXPIRE', KEYS[2], ARGV[2])
return { 'none' }
