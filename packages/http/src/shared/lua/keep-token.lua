-- Keeps a token, unless one was kept by a process that had the lock later.
-- KEYS  token, number of the lock under which it was kept
-- ARGV  number of the lock, token (sealed), ms to keep it
-- Reply 'kept' | 'superseded'
if tonumber(redis.call('GET', KEYS[2]) or 0) > tonumber(ARGV[1]) then return 'superseded' end
redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
redis.call('SET', KEYS[2], ARGV[1], 'PX', ARGV[3])
return 'kept'
