-- Parks a run as dead: a person decides. Its letter is written next; the alarm makes sure of that.
-- KEYS  run, alarms, the tenant's dead, the dead of all tenants, the tenant's events, events that are due, the tenant's subscribers
-- ARGV  owner, run id, failure (JSON), ms until its letter must have been written, field, record, …
-- Reply {'buried', deaths} | {'stale_owner'}
-- @include clock
-- @include identity
-- @include heads
-- @include owned
-- @include events
-- @include announce
-- @include limits
local run, refused = load_owned(KEYS[1], ARGV[1])
local deaths = tonumber(redis.call('HGET', KEYS[1], 'deaths')) or 0
if refused == 'repeated' then return { 'buried', deaths } end
if refused then return { refused } end
local now = now_ms()
local set = {
  'status', 'dead', 'owner', let_go(ARGV[1]), 'death', ARGV[3], 'deaths', deaths + 1, 'claims', 0,
  'revision', run.revision + 1, 'updatedAt', now,
  'h:d' .. deaths + 1, '{"kind":"died","at":' .. now .. '}',
}
add_records(KEYS[1], 5, set)
redis.call('HSET', KEYS[1], unpack(set))
redis.call('ZADD', KEYS[2], now + ARGV[4], ARGV[2])
redis.call('ZADD', KEYS[3], now, ARGV[2])
redis.call('ZADD', KEYS[4], now, ARGV[2])
free_places(KEYS[1], ARGV[2], KEYS[2], now)
note_event({ run = KEYS[1], events = KEYS[5], due = KEYS[6], subscribers = KEYS[7] }, ARGV[2], 'run.dead', deaths + 1, now)
announce(KEYS[1])
return { 'buried', deaths + 1 }
