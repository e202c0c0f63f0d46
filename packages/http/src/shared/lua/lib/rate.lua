-- The rate that a provider has taught us. Fields of the state:
--   ceiling  calls a second that it took in the second before it last refused one
--   busy     ms since then in which the limit was used to the full: only what is used is known to be good
--   hold     ms of them to stay just below the ceiling
-- After a refusal it starts at half of the ceiling, is back just below it after two busy seconds, stays there, and then feels its way up,
-- slowly at first: 1 % in the first second, 5 % in 4, 16 % in 10, double in half a minute. A ceiling that was seen only once may be
-- that of a burst: it is held for a shorter time, and left five times as fast.
local RECOVER_MS, JUST_BELOW, FORGET = 2000, 0.95, 8
local HOLD_UNSURE_MS, HOLD_EARLY_MS, HOLD_MS, MAX_HOLD_MS = 10000, 20000, 60000, 600000
local SOON_MS = 5000
local LEAST = 0.02
-- A first refusal after fewer calls in a second says little about the limit: it was not used to the full. Where the limit is lower, the next
-- refusals halve this.
local FEW = 10

local function learned_rate(ceiling, busy, hold)
  hold = tonumber(hold)
  if busy < RECOVER_MS then return ceiling * (0.5 + (JUST_BELOW - 0.5) * busy / RECOVER_MS) end
  local s = math.max(0, busy - RECOVER_MS - hold) / 1000
  local haste = hold == HOLD_UNSURE_MS and 5 or 1
  return ceiling * JUST_BELOW * math.exp(haste * (0.01 * s + 0.0005 * s * s))
end

-- The ceiling after a refusal at the rate `was` (nil: no limit was known), with `taken` calls taken in the second before it.
-- `early` counts the refusals one soon after the other that came before it was felt for: one may be chance (calls bunch up on their way),
-- more mean that the ceiling is not real.
local function new_ceiling(taken, was, before, early)
  if not was then return math.max(taken, FEW) end
  before = before or was
  local good = early == 0 and 0.9 or 0.75
  if early < 2 and (taken >= good * before or (before < 10 and taken + 1 >= before)) then return math.max(taken, before) end
  return math.min(math.max(taken, was / 2), early < 2 and math.max(was, before) or 0.93 * before)
end

-- Draws the conclusion from the last refusal, once the gate is open again and all workers have told what was taken.
local function conclude_cut(key, taken_key, s, now)
  local before, was = tonumber(s.ceiling), tonumber(s.was)
  local early = tonumber(s.early) or 0
  if not before or not was or was > before * (JUST_BELOW + 0.01) then early = 0
  elseif tonumber(s.busy) < RECOVER_MS + SOON_MS then early = early + 1
  else early = 1 end
  local taken = counted_before(taken_key, tonumber(s.cutAt))
  local ceiling = tonumber(s.policy) or new_ceiling(taken, was, before, early)
  ceiling = math.max(ceiling, LEAST)
  local hold = HOLD_UNSURE_MS
  if before and math.abs(ceiling - before) <= 0.15 * before then
    -- found again by feeling for it: it need not be felt for so soon
    hold = early == 0 and math.min(math.max(HOLD_MS, 2 * s.hold), MAX_HOLD_MS) or HOLD_EARLY_MS
  end
  redis.call('HSET', key, 'ceiling', ceiling, 'busy', 0, 'hold', hold, 'seen', now, 'early', early)
  redis.call('HDEL', key, 'cutAt', 'was', 'policy')
  s.ceiling, s.busy, s.hold, s.seen, s.cutAt, s.was, s.policy = ceiling, 0, hold, now, nil, nil, nil
end
