-- Turns a running run to undoing what was done. All that may have been started is recorded by then, and `doubts` says so: a run of 0.1
-- that is being undone has no such field.
-- KEYS  run
-- ARGV  owner, how it will end ('failed' or 'cancelled'), failure (JSON, or '' when cancelled), field, record, …
-- Reply 'compensating' | 'stale_owner'
-- @include clock
-- @include identity
-- @include heads
-- @include owned
local run, refused = load_owned(KEYS[1], ARGV[1])
if refused then return 'stale_owner' end
local set = {
  'status', 'compensating', 'phase', ARGV[2], 'failure', ARGV[3], 'claims', 1, 'doubts', 'recorded',
  'revision', run.revision + 1, 'updatedAt', now_ms(),
}
add_records(KEYS[1], 4, set)
redis.call('HSET', KEYS[1], unpack(set))
return 'compensating'
