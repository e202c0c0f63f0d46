-- Deletes a schedule; its runs go on.
-- KEYS  schedule, names of the tenant's schedules, when schedules are due
-- ARGV  name, what it is called among those that are due
-- Reply 'deleted' | 'gone'
local there = redis.call('DEL', KEYS[1])
redis.call('ZREM', KEYS[2], ARGV[1])
redis.call('ZREM', KEYS[3], ARGV[2])
return there == 1 and 'deleted' or 'gone'
