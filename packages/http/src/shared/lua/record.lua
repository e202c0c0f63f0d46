-- Adds what one worker has seen of a provider since it last told to what all have seen.
-- KEYS  taken, counts of this minute, last errors, providers, taken of an endpoint, …
-- ARGV  now ('' for Redis' clock), scope, calls taken ('<quarter second>:<count>,…'), ms to keep the counts, errors to keep, ms to keep
--       those, ms to remember the provider, number of counts, count, how many, …, calls that the endpoint took, …, error (JSON), …
-- Reply 'recorded'
-- @include now
-- @include ring
local now = now_ms(ARGV[1])
count_in(KEYS[1], ARGV[3])
local counts = tonumber(ARGV[8])
for i = 9, 8 + 2 * counts, 2 do redis.call('HINCRBY', KEYS[2], ARGV[i], ARGV[i + 1]) end
redis.call('PEXPIRE', KEYS[2], ARGV[4])
for i = 5, #KEYS do count_in(KEYS[i], ARGV[4 + 2 * counts + i]) end
local first = 9 + 2 * counts + #KEYS - 4
if ARGV[first] then
  for i = first, #ARGV do redis.call('LPUSH', KEYS[3], ARGV[i]) end
  redis.call('LTRIM', KEYS[3], 0, ARGV[5] - 1)
  redis.call('PEXPIRE', KEYS[3], ARGV[6])
end
redis.call('ZADD', KEYS[4], now, ARGV[2])
redis.call('ZREMRANGEBYSCORE', KEYS[4], '-inf', now - ARGV[7])
redis.call('PEXPIRE', KEYS[4], ARGV[7])
return 'recorded'
