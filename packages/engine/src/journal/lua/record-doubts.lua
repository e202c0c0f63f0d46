-- Writes down what a lost owner of the run may have started, and takes away the mark that it was lost.
-- KEYS  run
-- ARGV  owner, field, record, …
-- Reply 'recorded' | 'stale_owner'
-- @include clock
-- @include identity
-- @include heads
-- @include owned
local run, refused = load_owned(KEYS[1], ARGV[1])
if refused then return 'stale_owner' end
local set = { 'revision', run.revision + 1, 'updatedAt', now_ms() }
add_records(KEYS[1], 2, set)
redis.call('HSET', KEYS[1], unpack(set))
redis.call('HDEL', KEYS[1], 'lost')
return 'recorded'
