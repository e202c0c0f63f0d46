-- Gives an endpoint another secret; the one before signs as well until the overlap is over.
-- KEYS  endpoint, the answer to this Idempotency-Key
-- ARGV  tenant, id of this rotation, fingerprint ('' without a key), new secret (sealed), ms of overlap, earlier secrets kept at most,
--       answer (sealed), ms that the answer is kept
-- Reply {'done', at, answer} (also when this very call did it before) | {'replayed', at, answer} | {'key_reused'} | {'none'}
-- @include clock
-- @include remembered
local tenant, id, print, secret, overlap_ms = ARGV[1], ARGV[2], ARGV[3], ARGV[4], tonumber(ARGV[5])
local most, answer, kept_ms = tonumber(ARGV[6]), ARGV[7], ARGV[8]
local before = remembered(KEYS[2], print, id)
if before then return before end
local known = redis.call('HMGET', KEYS[1], 'tenant', 'secret', 'earlier')
if known[1] ~= tenant then return { 'none' } end
local now = now_ms()
local at = string.format('%.0f', now)
if known[2] == secret then return { 'done', at, answer } end

local earlier = {}
if overlap_ms > 0 then earlier[1] = { secret = known[2], untilMs = now + overlap_ms } end
for _, each in ipairs(cjson.decode(known[3] or '[]')) do
  if each.untilMs > now and #earlier < most then earlier[#earlier + 1] = each end
end
redis.call('HSET', KEYS[1], 'secret', secret)
if #earlier > 0 then
  redis.call('HSET', KEYS[1], 'earlier', cjson.encode(earlier))
else
  redis.call('HDEL', KEYS[1], 'earlier')
end
remember(KEYS[2], print, id, at, answer, kept_ms)
return { 'done', at, answer }
