-- Pauses hold back runs that have not begun. Each is a field of one hash, named by what it is for: "<tenant> <flow>", "* <flow>" (for
-- every tenant) or "<tenant> *". A run that is held back waits as if parked, and stands in one sorted set as "<tenant> <flow> <created at>
-- <run id>", so that those of one flow are found in the order in which they came. Their twin is pauses.ts. Includes identity.

-- A child belongs to a run that goes on: a pause of the whole tenant does not hold it back.
local function is_paused(pauses, tenant, flow, is_child)
  local p = redis.call('HMGET', pauses, tenant .. ' ' .. flow, '* ' .. flow, tenant .. ' *')
  return p[1] or p[2] or (p[3] and not is_child)
end

local function is_held_back(owner) return owner and string.sub(owner, 1, 3) == '-0:' end

-- Holds the run back if it has not begun and is paused. What is to be cancelled goes on: nothing of it starts.
-- Answers whether it was held back.
local function hold_back(keys, run_id, claimant, now, hold_ms)
  local f = redis.call('HMGET', keys.run, 'owner', 'claimedAt', 'cancel', 'tenant', 'flow', 'parent', 'createdAt', 'revision')
  local owner = f[1]
  local has_begun = f[2] or owner and owner ~= '' and owner ~= let_go('start') and not is_held_back(owner)
  local entry = f[4] .. ' ' .. f[5] .. ' ' .. f[7] .. ' ' .. run_id
  if has_begun or f[3] or not is_paused(keys.pauses, f[4], f[5], f[6]) then
    if is_held_back(owner) then redis.call('ZREM', keys.held_back, entry) end
    return false
  end
  redis.call('HSET', keys.run, 'status', 'suspended', 'owner', let_go(owner_of(0, claimant)), 'waiting', '{"kind":"paused"}',
    'revision', f[8] + 1, 'updatedAt', now)
  redis.call('ZADD', keys.held_back, 0, entry)
  redis.call('ZADD', keys.alarms, now + hold_ms, run_id)
  return true
end
