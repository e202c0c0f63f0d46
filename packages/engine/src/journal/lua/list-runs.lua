-- Looks through a stretch of a tenant's runs, or those of all tenants, the newest (the last to die) first, and picks those that fit. Writes nothing.
-- KEYS  the runs, or the dead; each run's key is made from its id, which is in the same slot
-- ARGV  what a run's key begins with, runs to look at, runs to pick, time and run id behind which to begin ('+inf' and '' for the
--       beginning), created at or after, created before (ms, or ''), flow, status, code of its failure ('' for any), flows that are listed
--       by their name alone (",a,b,"), what its Idempotency-Key begins with ('' for any)
-- Reply {{id, …} picked, {id, …} expired, time, id of the last run looked at}; without the last two at the end of the list
local prefix, look, pick, at, behind = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]), ARGV[4], ARGV[5]
local since, before, flow, status, code = tonumber(ARGV[6]), tonumber(ARGV[7]), ARGV[8], ARGV[9], ARGV[10]
local apart, key_prefix = ARGV[11], ARGV[12]

-- runs of one moment stand in the order of their ids
local skip = 0
if at ~= '+inf' then
  for _, id in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], at, at)) do
    if id >= behind then skip = skip + 1 end
  end
end

-- most runs are told by their status and flow alone, so that little is read of them
local function fits(key, run)
  if flow ~= '' and run[2] ~= flow then return false end
  if flow == '' and string.find(apart, ',' .. run[2] .. ',', 1, true) then return false end
  if status ~= '' and run[1] ~= status then return false end
  if since or before then
    local created = tonumber(redis.call('HGET', key, 'createdAt'))
    if since and created < since or before and created >= before then return false end
  end
  if key_prefix ~= '' and string.sub(redis.call('HGET', key, 'key') or '', 1, #key_prefix) ~= key_prefix then return false end
  if code == '' then return true end
  if run[1] ~= 'dead' and run[1] ~= 'failed' and run[1] ~= 'compensating' then return false end
  local failure = redis.call('HGET', key, run[1] == 'dead' and 'death' or 'failure')
  return failure and cjson.decode(failure).code == code
end

local entries = redis.call('ZREVRANGEBYSCORE', KEYS[1], at, '-inf', 'WITHSCORES', 'LIMIT', skip, look + 1)
local picked, expired = {}, {}
for i = 1, #entries, 2 do
  if i > look * 2 or #picked == pick then return { picked, expired, entries[i - 1], entries[i - 2] } end
  local id = entries[i]
  local key = prefix .. id
  local run = redis.call('HMGET', key, 'status', 'flow')
  if not run[1] then
    expired[#expired + 1] = id
  elseif fits(key, run) then
    picked[#picked + 1] = id
  end
end
return { picked, expired }
