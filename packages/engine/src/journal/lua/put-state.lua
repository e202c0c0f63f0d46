-- Changes a value of a tenant's state from outside. The same change again is one.
-- KEYS  the value, names of the tenant's values
-- ARGV  name, as_expected, next revision, value (JSON)
-- Reply {'created' | 'replaced', ms since the epoch} | {'changed'} (it is not as expected)
-- @include clock
-- @include state
local f = redis.call('HMGET', KEYS[1], 'revision', 'updatedAt')
if f[1] == ARGV[3] then return { 'replaced', f[2] } end
if not as_expected(KEYS[1], ARGV[2]) then return { 'changed' } end
local now = now_ms()
put_state(KEYS[1], KEYS[2], ARGV[1], ARGV[3], ARGV[4], '', now)
return { f[1] and 'replaced' or 'created', now }
