-- Deletes a value of a tenant's state.
-- KEYS  the value, names of the tenant's values
-- ARGV  name, as_expected
-- Reply 'deleted' | 'changed' (it is not as expected) | 'unknown'
-- @include state
if redis.call('EXISTS', KEYS[1]) == 0 then return 'unknown' end
if not as_expected(KEYS[1], ARGV[2]) then return 'changed' end
redis.call('DEL', KEYS[1])
redis.call('ZREM', KEYS[2], ARGV[1])
return 'deleted'
