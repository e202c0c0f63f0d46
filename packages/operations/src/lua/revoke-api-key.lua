-- Ends an API key now.
-- KEYS  key
-- ARGV  ms that it is shown after its end
-- Reply {'revoked'} | {'revoked_before'} | {'unknown'}
-- @include clock
if redis.call('EXISTS', KEYS[1]) == 0 then return { 'unknown' } end
local now = now_ms()
if redis.call('HSETNX', KEYS[1], 'revokedAt', now) == 0 then return { 'revoked_before' } end
redis.call('PEXPIREAT', KEYS[1], now + ARGV[1])
return { 'revoked' }
