-- Binds a piece of work to one of several providers, for one attempt. It stays with the one it is bound to as long as any attempt's hold
-- has not been let go: that attempt may have had its effect there.
-- KEYS  pin
-- ARGV  hold (unique per attempt; the same one again is the same hold), provider wished for, ms to keep the pin
-- Reply the provider that it is bound to
local bound = redis.call('HGET', KEYS[1], 'provider')
local others = redis.call('HLEN', KEYS[1]) - 1 - redis.call('HEXISTS', KEYS[1], 'hold:' .. ARGV[1])
if not bound or others <= 0 then bound = ARGV[2] end
redis.call('HSET', KEYS[1], 'provider', bound, 'hold:' .. ARGV[1], '1')
redis.call('PEXPIRE', KEYS[1], ARGV[3])
return bound
