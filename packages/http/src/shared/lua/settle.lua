-- Tells what came of a call, where that changes what others may do: it was refused, it failed, or it held a slot or was the probe.
-- KEYS  state, slots, taken, failed, endpoints that were refused [, state of the endpoint, taken of the endpoint]
-- ARGV  permit, now ('' for Redis' clock), when it was admitted, 'ok' | 'failed' | 'throttled' | 'neutral',
--       ms for which the provider wants no calls ('' when it did not say), calls a second by the provider's own word ('' when it said nothing),
--       calls taken that were not told yet ('<quarter second>:<count>,…'), calls a second by configuration ('' for no limit),
--       ms that the breaker stays open at first, ms at most, the endpoint ('' for none), calls that it took,
--       '1' when the provider says that the limit is the account's
-- Reply {now, ms until the gate opens, ms until the breaker lets a probe through ('' when it is closed), '1' when this call has opened it}
-- @include now
-- @include state
-- @include ring
-- @include rate
local now = now_ms(ARGV[2])
local verdict, endpoint = ARGV[4], ARGV[11]
redis.call('ZREM', KEYS[2], ARGV[1])
count_in(KEYS[3], ARGV[7])
if endpoint ~= '' then count_in(KEYS[7], ARGV[12]) end

local function limit_at(key, taken, configured)
  return { key = key, taken = taken, configured = configured, state = load_state(key), set = {}, del = {} }
end
local function put(limit, field, value)
  limit.set[#limit.set + 1] = field
  limit.set[#limit.set + 1] = value
  limit.state[field] = value
end
local function drop(limit, field)
  limit.del[#limit.del + 1] = field
  limit.state[field] = nil
end
local account = limit_at(KEYS[1], KEYS[3], tonumber(ARGV[8]))
local s = account.state

-- Whose limit it is: the endpoint's, until another one is refused within a minute; then the account's as well.
local WIDE_MS = 60000
local slowed = { account }
if verdict == 'throttled' and endpoint ~= '' then
  redis.call('ZREMRANGEBYSCORE', KEYS[5], '-inf', now - STATE_TTL_MS)
  redis.call('ZADD', KEYS[5], now, endpoint)
  redis.call('PEXPIRE', KEYS[5], STATE_TTL_MS)
  local wide = ARGV[13] == '1' or redis.call('ZCOUNT', KEYS[5], now - WIDE_MS, '+inf') > 1
  slowed = { limit_at(KEYS[6], KEYS[7]), wide and account or nil }
end

local asked = tonumber(ARGV[5])
if verdict == 'throttled' then asked = math.max(asked or 1000, 500) end
local gate = tonumber(s.gate) or 0
for _, limit in ipairs(slowed) do
  local state = limit.state
  if asked and now + asked > (tonumber(state.gate) or 0) then put(limit, 'gate', now + asked) end
  gate = math.max(gate, tonumber(state.gate) or 0)
  -- Rate: one cut for all the calls that were under way together
  if verdict == 'throttled' and tonumber(ARGV[3]) > (tonumber(state.lastCut) or 0) then
    if state.cutAt then conclude_cut(limit.key, limit.taken, state, now) end
    local was = state.ceiling and learned_rate(state.ceiling, tonumber(state.busy), state.hold)
    if limit.configured and (not was or limit.configured < was) then was = limit.configured end
    put(limit, 'cutAt', ARGV[3])
    put(limit, 'lastCut', now)
    if was then put(limit, 'was', was) end
    if ARGV[6] ~= '' then put(limit, 'policy', ARGV[6]) end
  end
end

-- Breaker: opens when five or more, and at least half of all, have failed in the last two seconds, or in the last eight, over all workers
local function trip()
  local trips = (tonumber(s.trips) or 0) + 1
  put(account, 'trips', trips)
  put(account, 'until', now + math.min(ARGV[9] * 2 ^ (trips - 1), tonumber(ARGV[10])))
  drop(account, 'probe')
end
local opened = '0'
local function most_fail(buckets)
  local failed = counted_lately(KEYS[4], now, buckets)
  return failed >= 5 and failed >= counted_lately(KEYS[3], now, buckets)
end
if s['until'] then
  if s.probe == ARGV[1] then
    if verdict == 'failed' then trip()
    elseif verdict == 'neutral' then drop(account, 'probe')
    else
      for _, field in ipairs({ 'until', 'trips', 'probe', 'probeAt', 'probeBy' }) do drop(account, field) end
      redis.call('DEL', KEYS[4])
    end
  end
elseif verdict == 'failed' then
  count_in(KEYS[4], bucket_of(now) .. ':1')
  if most_fail(8) or most_fail(32) then
    trip()
    put(account, 'pace', math.max(LEAST_PACE, best_pace(KEYS[3])))
    opened = '1'
  end
end
if slowed[1] ~= account then slowed[#slowed + 1] = account end
for _, limit in ipairs(slowed) do
  if #limit.del > 0 then redis.call('HDEL', limit.key, unpack(limit.del)) end
  if #limit.set > 0 then redis.call('HSET', limit.key, unpack(limit.set)) end
  limit.set, limit.del = {}, {}
  redis.call('PEXPIRE', limit.key, STATE_TTL_MS)
end

local open_ms = s['until'] and math.max(0, s['until'] - now) or ''
return { now, math.max(0, gate - now), open_ms, opened }
