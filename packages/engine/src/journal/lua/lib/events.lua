-- What a tenant's subscribers hear of. An event is written by the script that makes it true, so neither is ever there without the other.

-- Runs of Holdfast's own flows raise none: a delivery would raise the next. Their twin is LISTED_APART in keys.ts.
local RAISE_NONE = { webhook = true, ['webhook-delivery'] = true }

-- Notes an event of a run. It is handed over to subscribers once (`due`) when the tenant has any, and can be replayed as long as it is kept.
-- @param keys run, events (the tenant's), due, subscribers (the tenant's); with a payload: payload (of this event alone)
-- @param type such as 'run.completed'. @param nth tells events of one type and generation of the run apart (0 where there is one only)
-- @param payload JSON, or nil. @param kept_ms how long the payload is kept
local function note_event(keys, run_id, type, nth, now, payload, kept_ms)
  local run = redis.call('HMGET', keys.run, 'tenant', 'flow', 'generation')
  if not run[1] or RAISE_NONE[run[2]] then return end
  local event = type .. ' ' .. run_id .. ' ' .. run[3] .. ' ' .. nth .. ' ' .. run[2]
  redis.call('ZADD', keys.events, now, event)
  if payload then redis.call('SET', keys.payload, payload, 'PX', kept_ms) end
  if redis.call('EXISTS', keys.subscribers) == 1 then redis.call('ZADD', keys.due, now, run[1] .. ' ' .. event) end
end
