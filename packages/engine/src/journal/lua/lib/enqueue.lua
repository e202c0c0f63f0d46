-- Adds a run's job to the queue of its flow as BullMQ's addStandardJob does, unless it is there; a test holds the two against each other.
-- `queue` is what the queue's keys begin with.
local function enqueue(queue, flow, run_id, job, now)
  local key = queue .. job
  if redis.call('EXISTS', key) == 1 then return end
  redis.call('HSET', key, 'name', flow, 'data', '{"runId":"' .. run_id .. '"}',
    'opts', '{"jobId":"' .. job .. '","removeOnComplete":true,"removeOnFail":true,"attempts":1}',
    'timestamp', now, 'delay', 0, 'priority', 0)
  redis.call('INCR', queue .. 'id')
  redis.call('XADD', queue .. 'events', '*', 'event', 'added', 'jobId', job, 'name', flow)
  redis.call('LPUSH', queue .. 'wait', job)
  redis.call('ZADD', queue .. 'marker', 0, '0')
  redis.call('XADD', queue .. 'events', 'MAXLEN', '~', 1000, '*', 'event', 'waiting', 'jobId', job)
end
