-- What comes with a run's end: it expires, what it drew from another run is settled ('settled') or given back, and its alarm stays
-- only as long as a parent must be told, or a letter of a death may still come: from a worker that was slow with it, and died then.
-- Includes announce.
local function end_run(keys, run_id, now, parent, retention, tell_within, drawn, becomes)
  redis.call('PEXPIRE', keys.run, retention)
  if keys.source and redis.call('EXISTS', keys.source) == 1 then
    if becomes == 'settled' then
      redis.call('HINCRBY', keys.source, 'settled', drawn)
    else
      redis.call('HINCRBY', keys.source, 'drawn', -drawn)
    end
    redis.call('HINCRBY', keys.source, 'revision', 1)
  end
  if parent or redis.call('HEXISTS', keys.run, 'deaths') == 1 then
    redis.call('ZADD', keys.alarms, now + tell_within, run_id)
  else
    redis.call('ZREM', keys.alarms, run_id)
  end
  announce(keys.run)
end
