-- Notes that an operator is about to do something, so that it cannot be done without a trace.
-- KEYS  the tenant's open actions
-- ARGV  id of the action, what it is (JSON)
-- Reply {'opened'} (also when it was opened before)
-- @include clock
redis.call('HSETNX', KEYS[1], ARGV[1], now_ms() .. ' ' .. ARGV[2])
return { 'opened' }
