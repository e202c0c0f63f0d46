-- The names that are more than names; their twin is identity.ts.

-- An owner that has released its run by itself stands behind a "-".
local function let_go(owner) return '-' .. owner end
local function has_let_go(owner) return owner and string.sub(owner, 1, 1) == '-' end

-- `<epoch>:<worker id>.<n>`
local function owner_of(epoch, claimant) return epoch .. ':' .. claimant end
local function worker_of(owner) return string.match(owner, '^%-?%d+:(.+)%.%d+$') end

-- A run's job after the first.
local function nth_job(run_id, n) return run_id .. '.r' .. n end
