-- Tells whoever waits for a run that it is over or dead; the channel is named as the run's key. A user that may not publish ends its runs all
-- the same: waiters also look from time to time.
local function announce(run_key) redis.pcall('PUBLISH', run_key, 'over') end
