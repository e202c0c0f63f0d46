-- Asks whether a call to a provider may be made now. Without limits, a closed gate or an open breaker it only reads.
-- KEYS  state, slots, taken
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
local s = load_state(KEYS[1])
local patience = tonumber(ARGV[7])
local again = ARGV[8] == '1'

-- Those who must wait are told to come back one after the other, a little faster than calls can be made. `tail` is when the last of
-- them does. Past the horizon they look in now and then: limits change.
local HORIZON_MS = 300000
local function come_back(earliest, spacing)
  local tail = math.max(tonumber(s.tail) or 0, earliest) + spacing
  if tail - now > HORIZON_MS then
    -- permits end in a number: a spread that is the same each time the script runs
    local spread = (tonumber(string.match(ARGV[1], '%d+$')) or 0) * 7919 % (HORIZON_MS / 2)
    return HORIZON_MS / 2 + spread
  end
  redis.call('HSET', KEYS[1], 'tail', tail)
  redis.call('PEXPIRE', KEYS[1], STATE_TTL_MS)
  return math.ceil(tail - now)
end

-- Breaker: while it is open nothing goes; then one call at a time, to see.
local probe = false
if s['until'] and s.probe ~= ARGV[1] then
  -- at the pace at which calls went before: more at once would be the next outage, and 20,000 that look in every few seconds are one of our own
  local spacing = 800 / (tonumber(s.ceiling) or tonumber(s.pace) or LEAST_PACE)
  if now < tonumber(s['until']) then return { 'wait', now, 'breaker', come_back(tonumber(s['until']), spacing) } end
  if s.probe and now < tonumber(s.probeBy) then
    return { 'wait', now, 'breaker', come_back(now + math.max(250, now - s.probeAt), spacing) }
  end
  probe = not again
  if again then return { 'wait', now, 'breaker', 250 } end
elseif s['until'] then
  probe = true
end

local gate = tonumber(s.gate) or 0
if now < gate then
  if s.cutAt then
    -- how fast it may go on is not known for sure yet
    return { 'wait', now, 'gate', come_back(gate, 800 / math.max(40, counted_before(KEYS[3], tonumber(s.cutAt)))) }
  end
  if not s.ceiling then return { 'wait', now, 'gate', gate - now } end
  return { 'wait', now, 'gate', come_back(gate, 800 / s.ceiling) }
end
if again then return { 'go', now, 0, '0', probe and '1' or '0', '0' } end
if s.cutAt then conclude_cut(KEYS[1], KEYS[3], s, now) end

local slots = tonumber(ARGV[5])
if slots then
  redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', now)
  local held = redis.call('ZSCORE', KEYS[2], ARGV[1])
  if not held and redis.call('ZCARD', KEYS[2]) >= slots then
    return { 'wait', now, 'concurrency', come_back(now, 250 / slots) }
  end
end

-- Rate: the generic cell rate algorithm. `tat` is when the next call is due.
local configured = tonumber(ARGV[3])
local rate, burst = configured, tonumber(ARGV[4])
local busy
if s.ceiling then
  busy = tonumber(s.busy)
  local learned = learned_rate(s.ceiling, busy, s.hold)
  if not configured or learned < configured then rate, burst = learned, 1 end
end
local wait = 0
if rate then
  local interval = 1000 / rate
  local tat = tonumber(s.tat) or 0
  if ARGV[9] == '1' then tat = tat - interval end
  if busy and tat + interval >= now then
    busy = busy + math.min(1000, math.max(0, now - s.seen))
  end
  local due = math.max(tat, now)
  wait = math.max(0, due - (burst - 1) * interval - now)
  if wait > patience then
    local goal = s.ceiling and math.max(rate, math.min(s.ceiling * JUST_BELOW, configured or s.ceiling)) or rate
    -- more come back than can go: a slow limit leaves long gaps in which somebody must be there, and it may turn out higher
    local ms = come_back(now, 1000 / math.max(1.25 * goal, math.min(20, 4 * goal)))
    return { 'wait', now, 'rate', math.ceil(math.max(ms, wait - patience / 2)) }
  end
  redis.call('HSET', KEYS[1], 'tat', due + interval)
  if busy then
    if learned_rate(s.ceiling, busy, s.hold) > FORGET * s.ceiling then
      redis.call('HDEL', KEYS[1], 'ceiling', 'busy', 'hold', 'seen', 'tail')
    else
      redis.call('HSET', KEYS[1], 'busy', busy, 'seen', now)
    end
  end
  redis.call('PEXPIRE', KEYS[1], STATE_TTL_MS)
end
if slots then
  redis.call('ZADD', KEYS[2], now + wait + ARGV[6], ARGV[1])
  redis.call('PEXPIRE', KEYS[2], math.ceil(wait + ARGV[6]))
end
if probe then
  redis.call('HSET', KEYS[1], 'probe', ARGV[1], 'probeAt', now, 'probeBy', now + wait + ARGV[6])
end
local one_by_one = (s.ceiling or slots) and '1' or '0'
return { 'go', now, math.ceil(wait), one_by_one, probe and '1' or '0', rate and '1' or '0' }
