-- Gives a body the id under which it was first seen.
-- KEYS  the body's
-- ARGV  id, ms for which it is known
-- Reply the first id
local first = redis.call('GET', KEYS[1])
if first then return first end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return ARGV[1]
