local FIELDS = {
  'gate', 'ceiling', 'busy', 'hold', 'seen', 'cutAt', 'lastCut', 'was', 'policy', 'early', 'tat', 'tail',
  'until', 'trips', 'probe', 'probeAt', 'probeBy',
}
local STATE_TTL_MS = 86400000

-- The shared state of one provider, a table of strings; nil for what is not there.
local function load_state(key)
  local values = redis.call('HMGET', key, unpack(FIELDS))
  local state = {}
  for i, field in ipairs(FIELDS) do state[field] = values[i] or nil end
  return state
end
