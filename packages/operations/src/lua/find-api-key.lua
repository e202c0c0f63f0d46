-- An API key that holds now, by Redis' clock.
-- KEYS  key
-- Reply {'found', {field, value, …}} | {'none'}: not there, revoked or expired
-- @include clock
local f = redis.call('HMGET', KEYS[1], 'tenant', 'revokedAt', 'expiresAt')
if not f[1] or f[2] or (f[3] and now_ms() >= tonumber(f[3])) then return { 'none' } end
return { 'found', redis.call('HGETALL', KEYS[1]) }
