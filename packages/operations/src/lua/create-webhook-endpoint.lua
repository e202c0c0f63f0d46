-- Stores an endpoint for webhooks.
-- KEYS  endpoint, the tenant's endpoints, the answer to this Idempotency-Key
-- ARGV  id, fingerprint ('' without a key), answer (sealed), ms that the answer is kept, field, value, …
-- Reply {'done', created at, answer} (also when this very call did it before) | {'replayed', created at, answer} | {'key_reused'}
-- @include clock
-- @include remembered
local id, print, answer = ARGV[1], ARGV[2], ARGV[3]
local before = remembered(KEYS[3], print, id)
if before then return before end
local created = redis.call('HGET', KEYS[1], 'createdAt')
if created then return { 'done', created, answer } end
local now = string.format('%.0f', now_ms())
redis.call('HSET', KEYS[1], 'createdAt', now, unpack(ARGV, 5))
redis.call('ZADD', KEYS[2], 0, now .. ':' .. id)
remember(KEYS[3], print, id, now, answer, ARGV[4])
return { 'done', now, answer }
