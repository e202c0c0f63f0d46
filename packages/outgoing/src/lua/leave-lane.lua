-- Notes how a request went, gives its place back and calls the next in. Sent again, it counts once; also one whose place is another's by now
-- counts: the request was sent.
-- KEYS  endpoint, delivery, in flight, waiting, lanes
-- ARGV  endpoint id, delivery id, 'delivered' | 'failed' | 'given_up' (a failure after which it is not tried again by itself) | 'gone' (the
--       endpoint wants nothing any more), '1' when it ran into its timeout, ms without a success after which the endpoint is paused, places,
--       places when it is slow, ms that an ended delivery is kept, token of this call, field of the delivery, value, …
-- Reply {what became of the endpoint: 'paused' | 'disabled' | '', delivery called in, …}
-- @include clock
-- @include lane
local endpoint, id, outcome, slow, pause_ms = ARGV[1], ARGV[2], ARGV[3], ARGV[4] == '1', tonumber(ARGV[5])
local width, narrow, kept_ms, token = tonumber(ARGV[6]), tonumber(ARGV[7]), ARGV[8], ARGV[9]
local keys = { endpoint = KEYS[1], in_flight = KEYS[3], waiting = KEYS[4] }
if redis.call('HGET', KEYS[2], 'token') == token then return { '' } end
redis.call('ZREM', KEYS[3], id)
local now = now_ms()
if redis.call('EXISTS', KEYS[2]) == 1 then
  redis.call('HINCRBY', KEYS[2], 'attempts', 1)
  redis.call('HDEL', KEYS[2], 'lastStatus', 'lastError', 'responseExcerpt')
  redis.call('HSET', KEYS[2], 'token', token, unpack(ARGV, 10))
  if outcome == 'delivered' then redis.call('HSET', KEYS[2], 'status', 'delivered', 'deliveredAt', now) end
  if outcome == 'given_up' or outcome == 'gone' then redis.call('HSET', KEYS[2], 'status', 'dead') end
  -- one that was given up has a dead run, which waits for a person
  if outcome == 'delivered' or outcome == 'gone' then redis.call('PEXPIRE', KEYS[2], kept_ms) end
end
local status = redis.call('HGET', KEYS[1], 'status')
if not status then return { '' } end
local became = ''
if outcome == 'delivered' then
  redis.call('HDEL', KEYS[1], 'failingSince', 'slow')
else
  redis.call('HSETNX', KEYS[1], 'failingSince', now)
  if slow then redis.call('HSET', KEYS[1], 'slow', 1) else redis.call('HDEL', KEYS[1], 'slow') end
  if outcome == 'gone' and status ~= 'disabled' then
    became = 'disabled'
    redis.call('ZADD', KEYS[5], now, endpoint)
  elseif status == 'active' and now - redis.call('HGET', KEYS[1], 'failingSince') >= pause_ms then
    became = 'paused'
  end
  if became ~= '' then
    redis.call('HSET', KEYS[1], 'status', became)
    status = became
  end
end
local reply = { became }
if status == 'active' then
  for _, called in ipairs(call_in(keys, places(keys, now, width, narrow))) do reply[#reply + 1] = called end
end
return reply
