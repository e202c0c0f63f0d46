-- A lane may have a limit: at most so many of its runs are with workers at once. A tenant as a whole may have one, over all its flows. Who is
-- with a worker stands in the set `held`; who found no place waits in `waiting`, the oldest first, its job delayed, and is woken by the script
-- that frees a place. A wake that is lost is repaired by the alarm of whoever waits. Includes identity.

local LOOK_AGAIN_MS, WAKE_WITHIN_MS = 30000, 2000

local function limit_keys(tag, flow, lane, limit)
  return { held = tag .. '/lane-held/' .. flow .. '/' .. lane, waiting = tag .. '/lane-waiting/' .. flow .. '/' .. lane, limit = limit }
end

-- `lane`: '<limit>:<name>', as the run has it, or false; `tenant_limit`: '' for none.
local function limits_of(tag, flow, lane, tenant, tenant_limit)
  local limits = {}
  if lane then
    local limit, name = string.match(lane, '^(%d+):(.*)$')
    limits[1] = limit_keys(tag, flow, name, tonumber(limit))
  end
  if tenant_limit ~= '' then limits[#limits + 1] = limit_keys(tag, '*', tenant, tonumber(tenant_limit)) end
  return limits
end

local function full_limit(limits, run_id)
  for _, each in ipairs(limits) do
    if redis.call('SISMEMBER', each.held, run_id) == 0 and redis.call('SCARD', each.held) >= each.limit then return each end
  end
end

-- Takes a place in each, or in none. Answers whether it has them.
local function take_places(limits, run_id, since)
  local full = full_limit(limits, run_id)
  for _, each in ipairs(limits) do
    redis.call('ZREM', each.waiting, run_id)
    if not full then redis.call('SADD', each.held, run_id) end
  end
  if full then redis.call('ZADD', full.waiting, since, run_id) end
  return not full
end

-- Makes the job of a run that waits ready; the alarm knows by `woken` that the wait is over.
local function wake(tag, run_id, flow, job, owner, alarms, now)
  redis.call('HSET', tag .. '/run/' .. run_id, 'woken', owner)
  redis.call('ZADD', alarms, now + WAKE_WITHIN_MS, run_id)
  local queue = tag .. ':' .. flow .. ':'
  if redis.call('ZREM', queue .. 'delayed', job) == 0 then return end
  redis.call('HSET', queue .. job, 'delay', 0)
  redis.call('LPUSH', queue .. 'wait', job)
  redis.call('ZADD', queue .. 'marker', 0, '0')
  redis.call('XADD', queue .. 'events', 'MAXLEN', '~', 1000, '*', 'event', 'waiting', 'jobId', job, 'prev', 'delayed')
end

local function wake_next(tag, waiting, alarms, now)
  while true do
    local run_id = redis.call('ZPOPMIN', waiting)[1]
    if not run_id then return end
    local f = redis.call('HMGET', tag .. '/run/' .. run_id, 'flow', 'job', 'owner', 'status')
    if (f[4] == 'suspended' or f[4] == 'compensating') and has_let_go(f[3]) then
      return wake(tag, run_id, f[1], f[2], f[3], alarms, now)
    end
  end
end

-- A run leaves its worker: its places go to those that wait longest.
local function free_places(run_key, run_id, alarms, now)
  local tag = string.sub(run_key, 1, -#('/run/' .. run_id) - 1)
  local f = redis.call('HMGET', run_key, 'flow', 'lane', 'tenant')
  -- whatever the tenant's limit is: where it has none, nobody holds
  for _, each in ipairs(limits_of(tag, f[1], f[2], f[3], '0')) do
    if redis.call('SREM', each.held, run_id) == 1 then wake_next(tag, each.waiting, alarms, now) end
  end
end
