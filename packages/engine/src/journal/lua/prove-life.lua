-- A worker says that it is alive.
-- KEYS  workers
-- ARGV  worker id, ms for which this holds
-- Reply 'alive'
-- @include clock
redis.call('ZADD', KEYS[1], now_ms() + ARGV[2], ARGV[1])
return 'alive'
