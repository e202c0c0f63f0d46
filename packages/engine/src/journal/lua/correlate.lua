-- Registers a reference by which others know what a run is about: what they send about it goes to this run from now on. The same run may
-- register it again.
-- KEYS  run, alarms, the reference, runs that wait for it to be registered
-- ARGV  owner, run id
-- Reply {'registered', run id, …} (those to be told) | {'stale_owner'}
-- @include clock
-- @include identity
-- @include heads
-- @include owned
local _, refused = load_owned(KEYS[1], ARGV[1])
if refused then return { 'stale_owner' } end
redis.call('SET', KEYS[3], ARGV[2])
-- whoever ends the run has its references expire with it
local known = redis.call('HGET', KEYS[1], 'correlations') or ''
if not string.find('\n' .. known .. '\n', '\n' .. KEYS[3] .. '\n', 1, true) then
  redis.call('HSET', KEYS[1], 'correlations', known == '' and KEYS[3] or known .. '\n' .. KEYS[3])
end
local waiting = redis.call('SMEMBERS', KEYS[4])
table.insert(waiting, 1, 'registered')
return waiting
