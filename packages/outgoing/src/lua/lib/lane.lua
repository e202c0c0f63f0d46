-- An endpoint's lane: how many requests it may have at once, and who waits for a place. An endpoint that let the last request run into its
-- timeout has few places, so that it does not keep workers from the others.
-- keys: endpoint, in_flight (delivery → until when its place is its own), waiting (delivery → when it was created), lanes (endpoint → when
-- it is to be looked after)

local function places(keys, now, width, narrow)
  redis.call('ZREMRANGEBYSCORE', keys.in_flight, '-inf', now)
  local most = redis.call('HEXISTS', keys.endpoint, 'slow') == 1 and narrow or width
  return math.max(0, most - redis.call('ZCARD', keys.in_flight))
end

-- Those who have waited longest; each tries to enter again.
local function call_in(keys, n)
  if n < 1 then return {} end
  local called = redis.call('ZRANGE', keys.waiting, 0, n - 1)
  if #called > 0 then redis.call('ZREM', keys.waiting, unpack(called)) end
  return called
end

-- A delivery that nothing comes of any more.
local function end_delivery(key, why, kept_ms)
  if redis.call('EXISTS', key) == 0 then return end
  redis.call('HSET', key, 'status', 'dead', 'lastError', why)
  redis.call('PEXPIRE', key, kept_ms)
end
