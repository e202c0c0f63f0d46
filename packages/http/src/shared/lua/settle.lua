-- Tells what came of a call, where that changes what others may do: it was refused, it failed, or it held a slot or was the probe.
-- KEYS  state, slots, taken, failed
-- ARGV  permit, now ('' for Redis' clock), when it was admitted, 'ok' | 'failed' | 'throttled' | 'neutral',
--       ms for which the provider wants no calls ('' when it did not say), calls a second by the provider's own word ('' when it said nothing),
--       calls taken that were not told yet ('<quarter second>:<count>,…'), calls a second by configuration ('' for no limit),
--       ms that the breaker stays open at first, ms at most
-- Reply {now, ms until the gate opens, ms until the breaker lets a probe through ('' when it is closed), '1' when this call has opened it}
-- @include now
-- @include state
-- @include ring
-- @include rate
local now = now_ms(ARGV[2])
local s = load_state(KEYS[1])
local verdict = ARGV[4]
redis.call('ZREM', KEYS[2], ARGV[1])
count_in(KEYS[3], ARGV[7])

local set, del = {}, {}
local function put(field, value)
  set[#set + 1] = field
  set[#set + 1] = value
  s[field] = value
end
local function drop(field)
  del[#del + 1] = field
  s[field] = nil
end

-- Gate
local asked = tonumber(ARGV[5])
if verdict == 'throttled' then asked = math.max(asked or 1000, 500) end
if asked and now + asked > (tonumber(s.gate) or 0) then put('gate', now + asked) end

-- Rate: one cut for all the calls that were under way together
if verdict == 'throttled' and tonumber(ARGV[3]) > (tonumber(s.lastCut) or 0) then
  if s.cutAt then conclude_cut(KEYS[1], KEYS[3], s, now) end
  local configured = tonumber(ARGV[8])
  local was = s.ceiling and learned_rate(s.ceiling, tonumber(s.busy), s.hold)
  if configured and (not was or configured < was) then was = configured end
  put('cutAt', ARGV[3])
  put('lastCut', now)
  if was then put('was', was) end
  if ARGV[6] ~= '' then put('policy', ARGV[6]) end
end

-- Breaker: opens when five or more, and at least half of all, have failed in the last two seconds, or in the last eight, over all workers
local function trip()
  local trips = (tonumber(s.trips) or 0) + 1
  put('trips', trips)
  put('until', now + math.min(ARGV[9] * 2 ^ (trips - 1), tonumber(ARGV[10])))
  drop('probe')
end
local opened = '0'
local function most_fail(buckets)
  local failed = counted_lately(KEYS[4], now, buckets)
  return failed >= 5 and failed >= counted_lately(KEYS[3], now, buckets)
end
if s['until'] then
  if s.probe == ARGV[1] then
    if verdict == 'failed' then trip()
    elseif verdict == 'neutral' then drop('probe')
    else
      for _, field in ipairs({ 'until', 'trips', 'probe', 'probeAt', 'probeBy' }) do drop(field) end
      redis.call('DEL', KEYS[4])
    end
  end
elseif verdict == 'failed' then
  count_in(KEYS[4], bucket_of(now) .. ':1')
  if most_fail(8) or most_fail(32) then
    trip()
    put('pace', math.max(LEAST_PACE, best_pace(KEYS[3])))
    opened = '1'
  end
end
if #del > 0 then redis.call('HDEL', KEYS[1], unpack(del)) end
if #set > 0 then redis.call('HSET', KEYS[1], unpack(set)) end
redis.call('PEXPIRE', KEYS[1], STATE_TTL_MS)

local open_ms = s['until'] and math.max(0, s['until'] - now) or ''
return { now, math.max(0, (tonumber(s.gate) or 0) - now), open_ms, opened }
