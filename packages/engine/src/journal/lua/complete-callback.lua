-- Completes a callback of a run, once, by keeping the signal that its wait takes. The same outcome again changes nothing.
-- KEYS  run, alarms
-- ARGV  run id, hash of the callback's id, signal's name without the callback's, hash of the outcome, the signal's members with the outcome, how many bytes of
--       signals that no wait has taken a run may keep, ms until its job must have been claimed
-- Reply {'completed', flow, job id} (parked: the job is to be promoted) | {'completed'} | {'repeated'} | {'other_outcome'} | {'too_large'}
--       | {'unknown'} (it never was, or its time is up, or its run is being undone or over)
-- @include clock
-- @include identity
-- @include heads
-- @include owned
-- @include signal
local f = redis.call('HMGET', KEYS[1], 'k:' .. ARGV[2], 'status', 'owner', 'signals', 'flow', 'job', 'revision', 'untaken', 'untakenBytes',
  'phase', 'cancel')
local callback, status = f[1], f[2]
if not callback then return { 'unknown' } end
local id = ARGV[3] .. callback
local before = redis.call('HGET', KEYS[1], 'g:' .. id)
if before then
  local same = string.find(before, '"outcome":"' .. ARGV[4] .. '"', 1, true)
  return { same and 'repeated' or 'other_outcome' }
end
if status == 'completed' or status == 'failed' or status == 'cancelled' or f[10] or f[11] then return { 'unknown' } end
local record, wait = unpack(redis.call('HMGET', KEYS[1], 'b:' .. callback, 'w:' .. id))
if is_final('w:', wait) then return { 'unknown' } end
local till = record and tonumber(string.match(record, '"until":(%d+)'))
if till and now_ms() >= till then return { 'unknown' } end
local count = tonumber(f[4]) or 0
local bytes = tonumber(f[9]) or 0
local signal = placed('{"name":"' .. id .. '","outcome":"' .. ARGV[4] .. '",' .. ARGV[5] .. '}', count)
if bytes + #signal > tonumber(ARGV[6]) then return { 'too_large' } end
local standing = { status = status, owner = f[3], signals = count, revision = f[7], untaken = tonumber(f[8]) or count, bytes = bytes }
local parked = keep_signal(KEYS[1], KEYS[2], ARGV[1], id, signal, standing, ARGV[7])
if not parked then return { 'completed' } end
return { 'completed', f[5], f[6] }
