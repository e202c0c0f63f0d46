local FIELDS = {
  'gate', 'ceiling', 'busy', 'hold', 'seen', 'cutAt', 'lastCut', 'was', 'policy', 'early', 'tat', 'tail', 'look',
  'until', 'trips', 'probe', 'probeAt', 'probeBy', 'pace',
}
local STATE_TTL_MS = 86400000
-- Calls a second at which those come back who waited for a breaker, where it is not known how many went before.
local LEAST_PACE = 50

-- The shared state of one provider, a table of strings; nil for what is not there.
local function load_state(key)
  local values = redis.call('HMGET', key, unpack(FIELDS))
  local state = {}
  for i, field in ipairs(FIELDS) do state[field] = values[i] or nil end
  return state
end
