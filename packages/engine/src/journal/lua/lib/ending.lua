-- What comes with a run's end: it expires, and with it the references that are still its own; what it drew from another run is settled ('settled') or given back, and its alarm stays
-- only as long as a parent must be told, or a letter of a death may still come: from a worker that was slow with it, and died then.
-- Includes announce.
local function end_run(keys, run_id, now, parent, retention, tell_within, drawn, becomes)
  redis.call('PEXPIRE', keys.run, retention)
  local f = redis.call('HMGET', keys.run, 'deaths', 'correlations')
  for reference in string.gmatch(f[2] or '', '[^\n]+') do
    if redis.call('GET', reference) == run_id then redis.call('PEXPIRE', reference, retention) end
  end
  if keys.source and redis.call('EXISTS', keys.source) == 1 then
    if becomes == 'settled' then
      redis.call('HINCRBY', keys.source, 'settled', drawn)
    else
      redis.call('HINCRBY', keys.source, 'drawn', -drawn)
    end
    redis.call('HINCRBY', keys.source, 'revision', 1)
  end
  if parent or f[1] then
    redis.call('ZADD', keys.alarms, now + tell_within, run_id)
  else
    redis.call('ZREM', keys.alarms, run_id)
  end
  announce(keys.run)
end
