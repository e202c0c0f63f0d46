-- Writes down what a person found out about a dead run's effect, or its undo, and lets the run go on, unless its flow could not.
-- KEYS  run, alarms, the tenant's dead, the dead of all tenants
-- ARGV  run id, field, record as the person saw it ('' for none: of an undo, or of a step of a run whose last owner was lost), record to put in
--       its place, token of the answer (the same answer again is answered the same), '1' to let the run go on or '0', '1' when it is to be
--       cancelled or '', '1' when nothing that came later can have been forgotten or '', ms until its job must have been claimed,
--       what was said of which step, for people (',"step":…')
-- Reply {'resolved', flow, job id, deaths} (it goes on) | {'resolved'} (it stays dead) | {'not_dead'} | {'changed'} (the record is
--       another one by now) | {'unknown'}
-- @include clock
-- @include identity
-- @include heads
local f = redis.call('HMGET', KEYS[1], 'status', ARGV[2], 'jobs', 'redrives', 'phase', 'flow', 'deaths', 'revision', 'acted', 'job', 'lost', 'cancel')
if not f[1] then return { 'unknown' } end
local stays = ARGV[6] ~= '1'
if f[9] == ARGV[5] then
  if stays then return { 'resolved' } end
  return { 'resolved', f[6], f[10], tonumber(f[7]) }
end
if f[1] ~= 'dead' then return { 'not_dead' } end
if (f[2] or '') ~= ARGV[3] then return { 'changed' } end
if ARGV[3] == '' and string.sub(ARGV[2], 1, 2) ~= 'u:' and not f[11] then return { 'changed' } end
local now = now_ms()
local redrives = (tonumber(f[4]) or 0) + 1
redis.call('HDEL', KEYS[1], 'x:' .. ARGV[2])
local head = {}
add_head(head, ARGV[2], ARGV[4])
if #head > 0 then redis.call('HSET', KEYS[1], unpack(head)) end
redis.call('HSET', KEYS[1], 'h:r' .. redrives, '{"kind":"resolved","at":' .. now .. ARGV[10] .. '}', ARGV[2], ARGV[4], 'acted', ARGV[5],
  'redrives', redrives, 'revision', f[8] + 1, 'updatedAt', now)
-- who answers has looked at what the lost owner may have done
redis.call('HDEL', KEYS[1], 'lost')
if ARGV[7] == '1' and not f[12] then
  redis.call('HSET', KEYS[1], 'cancel', 1, 'h:cancel', '{"kind":"cancel_requested","at":' .. now .. '}')
end
if ARGV[8] == '1' then redis.call('HSET', KEYS[1], 'present', now) end
if stays then return { 'resolved' } end
local jobs = (tonumber(f[3]) or 0) + 1
local job = nth_job(ARGV[1], jobs)
redis.call('HSET', KEYS[1], 'status', f[5] and 'compensating' or 'pending', 'job', job, 'jobs', jobs, 'waiting', '')
redis.call('ZADD', KEYS[2], now + ARGV[9], ARGV[1])
redis.call('ZREM', KEYS[3], ARGV[1])
redis.call('ZREM', KEYS[4], ARGV[1])
return { 'resolved', f[6], job, tonumber(f[7]) }
