-- A queue holds only a few jobs that wait for a worker; the other runs wait in lanes, one for each tenant, the most urgent first, and of
-- equal urgency in the order of their arrival. Whenever a job leaves the queue, lanes that have runs take turns to fill it up again.
-- Includes enqueue. `at` says where: { queue = what BullMQ's keys of the flow begin with, flow, turns = sorted set of the flow's lanes that
-- have runs → their turn, lane = what a lane's key begins with, run = what a run's key begins with, alarms }.

-- What a flow's keys are called, from one of a run's keys and its id.
local function places(run_key, run_id, flow, alarms)
  local run = string.sub(run_key, 1, -#run_id - 1)
  local tag = string.sub(run, 1, -#'/run/' - 1)
  return { queue = tag .. ':' .. flow .. ':', flow = flow, turns = tag .. '/lanes/' .. flow, lane = tag .. '/lane/' .. flow .. '/',
    run = run, alarms = alarms }
end

local function has_room(at, window)
  return redis.call('EXISTS', at.turns) == 0 and redis.call('LLEN', at.queue .. 'wait') < tonumber(window)
end

-- A lane that had no run comes in with the turn that is next.
local function join_lane(at, lane, run_id, urgency)
  local t = redis.call('TIME')
  -- ten times a microsecond apart, which no two scripts are; nine urgencies fit into a whole number
  local arrived = t[1] * 100000 + math.floor(t[2] / 10)
  redis.call('ZADD', at.lane .. lane, string.format('%.0f', (9 - urgency) * 400000000000000 + arrived), run_id)
  if not redis.call('ZSCORE', at.turns, lane) then
    local next = redis.call('ZRANGE', at.turns, 0, 0, 'WITHSCORES')
    redis.call('ZADD', at.turns, next[2] or 0, lane)
  end
end

local function leave_lane(at, lane, run_id)
  redis.call('ZREM', at.lane .. lane, run_id)
  if redis.call('EXISTS', at.lane .. lane) == 0 then redis.call('ZREM', at.turns, lane) end
end

-- Fills the queue up to `window` waiting jobs.
local function let_in(at, window, now, claim_within)
  if redis.call('EXISTS', at.turns) == 0 then return end
  local room = tonumber(window) - redis.call('LLEN', at.queue .. 'wait')
  while room > 0 do
    local next = redis.call('ZRANGE', at.turns, 0, 0, 'WITHSCORES')
    local lane = next[1]
    if not lane then return end
    local run_id = redis.call('ZPOPMIN', at.lane .. lane)[1]
    if redis.call('EXISTS', at.lane .. lane) == 0 then
      redis.call('ZREM', at.turns, lane)
    else
      redis.call('ZADD', at.turns, next[2] + 1, lane)
    end
    local run = run_id and redis.call('HMGET', at.run .. run_id, 'job', 'queued')
    if run and run[2] then
      redis.call('HDEL', at.run .. run_id, 'queued')
      redis.call('ZADD', at.alarms, now + claim_within, run_id)
      enqueue(at.queue, at.flow, run_id, run[1], now)
      room = room - 1
    end
  end
end
