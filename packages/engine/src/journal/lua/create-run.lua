-- Creates a run unless it exists, and its job with it: in the queue, or, while others wait, in its tenant's lane. One that is to start later
-- gets its job from the caller. The run's record is the record of its Idempotency-Key as well.
-- KEYS  run, alarms, the tenant's runs, tenants, runs of all tenants; only with a draw or tags: the run that is drawn upon, the list of each tag
-- ARGV  run id, fingerprint, tenant, flow, version, idempotency key, input (JSON), ms until its job must have been claimed,
--       parent (JSON, or '' for none), '1' when it is to be cancelled at once or '', draw (JSON, or '' for none), its amount, the most
--       that may be drawn in all (0 without a draw), the traceparent that it came with or '', the tags (JSON, or ''), ms for which their
--       lists are kept, when it is to start (ms, or '' for now), jobs that may wait in the queue, urgency (0 to 9),
--       the lane it takes its turns in, its limit as '<limit>:<lane>' ('' for none)
-- Reply {'created', now} | {'replayed', now, field, value, …} (as read-run gives them) | {'key_reused', now}
--       | {'source_not_completed', now} | {'draw_exceeds', now, what is left}: nothing was written
-- @include clock
-- @include identity
-- @include enqueue
-- @include lanes
-- @include heads
-- @include view
local now = now_ms()
local fingerprint = redis.call('HGET', KEYS[1], 'fingerprint')
if fingerprint then
  if fingerprint ~= ARGV[2] then return { 'key_reused', now } end
  local reply = view_of(KEYS[1])
  table.insert(reply, 1, 'replayed')
  table.insert(reply, 2, now)
  return reply
end
if ARGV[11] ~= '' then
  local source = redis.call('HMGET', KEYS[6], 'status', 'drawn')
  if source[1] ~= 'completed' then return { 'source_not_completed', now } end
  local drawn = tonumber(source[2]) or 0
  if drawn + ARGV[12] > tonumber(ARGV[13]) then return { 'draw_exceeds', now, ARGV[13] - drawn } end
  redis.call('HINCRBY', KEYS[6], 'drawn', ARGV[12])
  redis.call('HINCRBY', KEYS[6], 'revision', 1)
  redis.call('HSET', KEYS[1], 'draw', ARGV[11])
end
redis.call('HSET', KEYS[1],
  'fingerprint', ARGV[2], 'tenant', ARGV[3], 'flow', ARGV[4], 'version', ARGV[5], 'key', ARGV[6], 'input', ARGV[7],
  'status', 'pending', 'generation', 1, 'job', ARGV[1], 'revision', 1, 'createdAt', now, 'updatedAt', now)
local due = now
local starts_later = false
local start_at = tonumber(ARGV[17])
if start_at and start_at > now then
  -- as if it had been parked: whoever looks after parked runs looks after this one
  due = start_at
  starts_later = true
  redis.call('HSET', KEYS[1], 'status', 'suspended', 'owner', let_go('start'),
    'waiting', '{"kind":"start","until":' .. ARGV[17] .. '}')
end
if #KEYS > 6 then
  redis.call('HSET', KEYS[1], 'tags', ARGV[15])
  local prefix = string.sub(KEYS[1], 1, -#ARGV[1] - 1)
  for i = 7, #KEYS do
    -- two for each that comes, so that a list is never much longer than the runs that are kept
    for _, oldest in ipairs(redis.call('ZRANGE', KEYS[i], 0, 1)) do
      if redis.call('EXISTS', prefix .. oldest) == 0 then redis.call('ZREM', KEYS[i], oldest) end
    end
    redis.call('ZADD', KEYS[i], now, ARGV[1])
    redis.call('PEXPIRE', KEYS[i], ARGV[16])
  end
end
if ARGV[10] ~= '' then redis.call('HSET', KEYS[1], 'cancel', 1, 'h:cancel', '{"kind":"cancel_requested","at":' .. now .. '}') end
if ARGV[9] ~= '' then redis.call('HSET', KEYS[1], 'parent', ARGV[9]) end
if ARGV[14] ~= '' then redis.call('HSET', KEYS[1], 'trace', ARGV[14]) end
if ARGV[21] ~= '' then redis.call('HSET', KEYS[1], 'lane', ARGV[21]) end
redis.call('ZADD', KEYS[2], due + ARGV[8], ARGV[1])
if not starts_later then
  local at = places(KEYS[1], ARGV[1], ARGV[4], KEYS[2])
  if has_room(at, ARGV[18]) then
    enqueue(at.queue, ARGV[4], ARGV[1], ARGV[1], now)
  else
    redis.call('HSET', KEYS[1], 'queued', ARGV[20] .. ':' .. ARGV[19])
    join_lane(at, ARGV[20], ARGV[1], ARGV[19])
  end
end
redis.call('ZADD', KEYS[3], now, ARGV[1])
redis.call('ZADD', KEYS[5], now, ARGV[1])
redis.call('SADD', KEYS[4], ARGV[3])
return { 'created', now }
