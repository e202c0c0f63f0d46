-- The answer to a request, for those who send the same Idempotency-Key again.
-- @param key where it is kept. @param print the request's fingerprint; '' when it has no key. @param id of what this call would make
-- @return a reply when there is nothing to do any more
local function remembered(key, print, id)
  if print == '' then return nil end
  local known = redis.call('HMGET', key, 'fingerprint', 'id', 'at', 'answer')
  if not known[1] then return nil end
  if known[1] ~= print then return { 'key_reused' } end
  if known[2] == id then return { 'done', known[3], known[4] } end
  return { 'replayed', known[3], known[4] }
end

local function remember(key, print, id, at, answer, ttl_ms)
  if print == '' then return end
  redis.call('HSET', key, 'fingerprint', print, 'id', id, 'at', at, 'answer', answer)
  redis.call('PEXPIRE', key, ttl_ms)
end
