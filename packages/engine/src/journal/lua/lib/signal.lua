-- What the scripts share that keep something for a run from outside. They include clock, identity and heads.

-- Keeps a signal, and wakes the run if it is parked. `f` has the run's status, owner, number of signals and revision, and how many
-- signals, and bytes of them, no wait has taken. Returns true when its job is to be promoted.
local function keep_signal(key, alarms, run_id, id, signal, f, claimed_within)
  local now = now_ms()
  local set = { 'g:' .. id, signal, 'signals', f.signals + 1, 'untaken', f.untaken + 1,
    'untakenBytes', f.bytes + #signal, 'revision', f.revision + 1, 'updatedAt', now }
  add_head(set, 'g:' .. id, signal)
  redis.call('HSET', key, unpack(set))
  -- a compensating run may wait for a child's end
  local parked = has_let_go(f.owner) and (f.status == 'suspended' or f.status == 'compensating')
  if not parked then return false end
  -- should the promotion be lost, the alarm knows by this that the present wait is over
  redis.call('HSET', key, 'woken', f.owner)
  redis.call('ZADD', alarms, now + claimed_within, run_id)
  return true
end

-- A signal with its place in the order of arrival.
local function placed(signal, count)
  return string.format('{"n":%d,', count + 1) .. string.sub(signal, 2)
end
