-- Creates a run unless it exists. The run's record is the record of its Idempotency-Key as well.
-- KEYS  run, alarms
-- ARGV  run id, fingerprint, tenant, flow, version, idempotency key, input (JSON), ms until its job must have been claimed,
--       parent (JSON, or '' for none)
-- Reply {'created', now} | {'replayed', now, field, value, …} | {'key_reused', now}
-- @include clock
local now = now_ms()
local fingerprint = redis.call('HGET', KEYS[1], 'fingerprint')
if fingerprint then
  if fingerprint ~= ARGV[2] then return { 'key_reused', now } end
  local reply = redis.call('HGETALL', KEYS[1])
  table.insert(reply, 1, 'replayed')
  table.insert(reply, 2, now)
  return reply
end
redis.call('HSET', KEYS[1],
  'fingerprint', ARGV[2], 'tenant', ARGV[3], 'flow', ARGV[4], 'version', ARGV[5], 'key', ARGV[6], 'input', ARGV[7],
  'status', 'pending', 'generation', 1, 'job', ARGV[1], 'revision', 1, 'createdAt', now, 'updatedAt', now)
if ARGV[9] ~= '' then redis.call('HSET', KEYS[1], 'parent', ARGV[9]) end
redis.call('ZADD', KEYS[2], now + ARGV[8], ARGV[1])
return { 'created', now }
