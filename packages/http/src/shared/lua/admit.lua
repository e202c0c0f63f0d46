-- Asks whether a call to a provider may be made now. Without limits, a closed gate or an open breaker it only reads.
-- KEYS  state, slots, taken [, state of the endpoint, taken of the endpoint]
-- ARGV  permit (unique per call, ends in a number; the same one again is the same call), now ('' for Redis' clock), calls a second ('' for no limit), burst,
--       calls at once ('' for no limit), ms a slot is held at most, ms the caller would wait on the spot,
--       '1' when it has waited on the spot and only gate and breaker are to be looked at again,
--       '1' when it was let in before and has not been made: what it took is given back first
-- Reply {'go', now, ms to wait before it is made, '1' when it is to be settled one by one, '1' when it is the breaker's probe,
--        '1' when there is a rate to keep to}
--       | {'wait', now, 'breaker' | 'gate' | 'concurrency' | 'rate', ms}
-- @include now
-- @include state
-- @include ring
-- @include rate
local now = now_ms(ARGV[2])
local patience = tonumber(ARGV[7])
local again, unused = ARGV[8] == '1', ARGV[9] == '1'

-- What a call has to keep to: the account's gate and rate, and those of its endpoint, which was refused before the account was.
local account = { key = KEYS[1], taken = KEYS[3], state = load_state(KEYS[1]), configured = tonumber(ARGV[3]), burst = tonumber(ARGV[4]) }
local all = { account }
if KEYS[4] then all[2] = { key = KEYS[4], taken = KEYS[5], state = load_state(KEYS[4]), burst = 1 } end
local s = account.state

-- Those who must wait are told to come back one after the other, a little faster than calls can be made. `tail` is when the last of
-- them does. Past the horizon they look in now and then: limits change.
local HORIZON_MS, FAR_HORIZON_MS = 300000, 900000
local function spread_over(horizon)
  -- permits end in a number: a spread that is the same each time the script runs
  return horizon / 2 + (tonumber(string.match(ARGV[1], '%d+$')) or 0) * 7919 % (horizon / 2)
end
local function come_back(limit, earliest, spacing, horizon)
  horizon = horizon or HORIZON_MS
  local tail = math.max(tonumber(limit.state.tail) or 0, earliest) + spacing
  if tail - now > horizon then return spread_over(horizon) end
  redis.call('HSET', limit.key, 'tail', tail)
  redis.call('PEXPIRE', limit.key, STATE_TTL_MS)
  return math.ceil(tail - now)
end

-- While nothing goes, those who wait only look whether it does again, and each look costs others a run: there are at most a few per second,
-- for all who wait together.
local LOOKS_MS = 1000 / 20
-- Probes that failed, doubling from a second: about a quarter of a minute. And how long it takes, at their pace, until all who wait were back.
local SHORT_TRIPS, SHORT_QUEUE_MS = 4, 5000
-- A gate that is closed for longer may be opened by a person: who waits for it looks in from time to time.
local LOOK_IN_MS = 60000
local function look_in(limit, wait)
  if wait <= LOOK_IN_MS then return wait end
  local look = math.max((tonumber(limit.state.look) or 0) + LOOKS_MS, now + LOOK_IN_MS)
  if look - now > FAR_HORIZON_MS then return math.min(wait, spread_over(FAR_HORIZON_MS)) end
  redis.call('HSET', limit.key, 'look', look)
  return math.min(wait, math.ceil(look - now))
end

-- Breaker: while it is open nothing goes; then one call at a time, to see.
local probe = false
if s['until'] and s.probe ~= ARGV[1] then
  -- at the pace at which calls went before: more at once would be the next outage, and 20,000 that look in every few seconds are one of our own
  local spacing, horizon = 800 / (tonumber(s.ceiling) or tonumber(s.pace) or LEAST_PACE), HORIZON_MS
  -- a few who have waited for a moment find out at once; many, or after a quarter of a minute, can wait a little longer for it
  local long = (tonumber(s.trips) or 0) > SHORT_TRIPS or (tonumber(s.tail) or 0) - now > SHORT_QUEUE_MS
  if long then spacing, horizon = math.max(spacing, LOOKS_MS), FAR_HORIZON_MS end
  if now < tonumber(s['until']) then
    return { 'wait', now, 'breaker', come_back(account, tonumber(s['until']), spacing, horizon) }
  end
  if s.probe and now < tonumber(s.probeBy) then
    return { 'wait', now, 'breaker', come_back(account, now + math.max(250, now - s.probeAt), spacing, horizon) }
  end
  probe = not again
  if again then return { 'wait', now, 'breaker', 250 } end
elseif s['until'] then
  probe = true
end

for _, limit in ipairs(all) do
  local gate, ceiling = tonumber(limit.state.gate) or 0, tonumber(limit.state.ceiling)
  if now < gate then
    -- how fast it may go on is not known for sure while the last refusal is not concluded from, nor where none came before it
    local pace = ceiling
    if limit.state.cutAt then pace = math.max(40, counted_before(limit.taken, tonumber(limit.state.cutAt))) end
    return { 'wait', now, 'gate', look_in(limit, come_back(limit, gate, 800 / (pace or LEAST_PACE), math.max(HORIZON_MS, gate - now + HORIZON_MS))) }
  end
end
if again then return { 'go', now, 0, '0', probe and '1' or '0', '0' } end
for _, limit in ipairs(all) do
  if limit.state.cutAt then conclude_cut(limit.key, limit.taken, limit.state, now) end
end

local slots = tonumber(ARGV[5])
if slots then
  redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', now)
  local held = redis.call('ZSCORE', KEYS[2], ARGV[1])
  if not held and redis.call('ZCARD', KEYS[2]) >= slots then
    return { 'wait', now, 'concurrency', come_back(account, now, 250 / slots) }
  end
end

-- Rate: the generic cell rate algorithm. `tat` is when the next call is due.
local function look_at_rate(limit)
  local state, configured = limit.state, limit.configured
  limit.rate = configured
  if state.ceiling then
    limit.busy = tonumber(state.busy)
    local learned = learned_rate(state.ceiling, limit.busy, state.hold)
    if not configured or learned < configured then limit.rate, limit.burst = learned, 1 end
  end
  if not limit.rate then return 0 end
  limit.interval = 1000 / limit.rate
  local tat = tonumber(state.tat) or 0
  if unused then tat = tat - limit.interval end
  if limit.busy and tat + limit.interval >= now then
    limit.busy = limit.busy + math.min(1000, math.max(0, now - state.seen))
  end
  limit.due = math.max(tat, now)
  return math.max(0, limit.due - (limit.burst - 1) * limit.interval - now)
end

local function take_place(limit)
  if not limit.rate then return end
  redis.call('HSET', limit.key, 'tat', limit.due + limit.interval)
  if limit.busy then
    local state = limit.state
    if learned_rate(state.ceiling, limit.busy, state.hold) > FORGET * state.ceiling then
      redis.call('HDEL', limit.key, 'ceiling', 'busy', 'hold', 'seen', 'tail')
    else
      redis.call('HSET', limit.key, 'busy', limit.busy, 'seen', now)
    end
  end
  redis.call('PEXPIRE', limit.key, STATE_TTL_MS)
end

local wait, slowest = 0, nil
for _, limit in ipairs(all) do
  local own = look_at_rate(limit)
  if own > wait then wait, slowest = own, limit end
end
if wait > patience then
  local rate, ceiling = slowest.rate, tonumber(slowest.state.ceiling)
  local goal = ceiling and math.max(rate, math.min(ceiling * JUST_BELOW, slowest.configured or ceiling)) or rate
  -- more come back than can go: a slow limit leaves long gaps in which somebody must be there, and it may turn out higher
  local ms = come_back(slowest, now, 1000 / math.max(1.25 * goal, math.min(20, 4 * goal)))
  return { 'wait', now, 'rate', math.ceil(math.max(ms, wait - patience / 2)) }
end
local spaced, learned = false, false
for _, limit in ipairs(all) do
  take_place(limit)
  spaced = spaced or limit.rate ~= nil
  learned = learned or limit.state.ceiling ~= nil
end
if slots then
  redis.call('ZADD', KEYS[2], now + wait + ARGV[6], ARGV[1])
  redis.call('PEXPIRE', KEYS[2], math.ceil(wait + ARGV[6]))
end
if probe then
  redis.call('HSET', KEYS[1], 'probe', ARGV[1], 'probeAt', now, 'probeBy', now + wait + ARGV[6])
end
local one_by_one = (learned or slots) and '1' or '0'
return { 'go', now, math.ceil(wait), one_by_one, probe and '1' or '0', spaced and '1' or '0' }
