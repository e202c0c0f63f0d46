-- Writes an action with how it ended to the audit log, once.
-- KEYS  the tenant's open actions, the tenant's log, the run's log (the tenant's again when it is about no run)
-- ARGV  id of the action, how it ended (JSON; empty: it did nothing, and is forgotten), ms that an entry is kept for,
--       ms that a run's log is kept for, ms that it must have been open for
-- Reply {'closed'} | {'dropped'} | {'not_open'}: it is closed already, or has not been open for so long
-- @include clock
local open = redis.call('HGET', KEYS[1], ARGV[1])
if not open then return { 'not_open' } end
local at, what = open:match('^(%d+) (.*)$')
if now_ms() - at < tonumber(ARGV[5]) then return { 'not_open' } end
redis.call('HDEL', KEYS[1], ARGV[1])
if ARGV[2] == '' then return { 'dropped' } end
local oldest = string.format('%.0f', math.max(0, now_ms() - tonumber(ARGV[3])))
local id = redis.call('XADD', KEYS[2], 'MINID', '~', oldest, '*', 'at', at, 'what', what, 'end', ARGV[2])
if KEYS[3] ~= KEYS[2] then
  redis.call('XADD', KEYS[3], 'MINID', '~', oldest, id, 'at', at, 'what', what, 'end', ARGV[2])
  redis.call('PEXPIRE', KEYS[3], ARGV[4])
end
return { 'closed' }
