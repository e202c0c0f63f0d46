-- Takes runs out of those that are held back whose flow and tenant are not paused any more. Their jobs are to be promoted next; their
-- alarms make sure of that.
-- KEYS  held back, pauses, alarms
-- ARGV  what a run's key begins with, entry from which to look ('-' for the first), runs to take, flows of tenants to look at, ms until
--       their jobs must have been claimed
-- Reply {where to look on ('' at the end), flow, job id, …}
-- @include clock
-- @include identity
-- @include pauses
local prefix, from, left, looks = ARGV[1], ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4])
local alarm = now_ms() + ARGV[5]
local reply = { '' }

local function wake(entry)
  redis.call('ZREM', KEYS[1], entry)
  local run_id = string.match(entry, '%S+$')
  local f = redis.call('HMGET', prefix .. run_id, 'status', 'owner', 'flow', 'job')
  if f[1] ~= 'suspended' or not is_held_back(f[2]) then return end
  -- should the promotion be lost, the alarm knows by this that the present wait is over
  redis.call('HSET', prefix .. run_id, 'woken', f[2])
  redis.call('ZADD', KEYS[3], alarm, run_id)
  reply[#reply + 1] = f[3]
  reply[#reply + 1] = f[4]
end

for look = 1, looks do
  local first = redis.call('ZRANGE', KEYS[1], from, '+', 'BYLEX', 'LIMIT', 0, 1)[1]
  if not first then return reply end
  local tenant, flow = string.match(first, '^(%S+) (%S+) ')
  local behind = '(' .. tenant .. ' ' .. flow .. '!'
  if is_paused(KEYS[2], tenant, flow) then
    from = behind
  else
    local entries = redis.call('ZRANGE', KEYS[1], from, behind, 'BYLEX', 'LIMIT', 0, left)
    for _, entry in ipairs(entries) do wake(entry) end
    left = left - #entries
    if left == 0 then break end
  end
end
reply[1] = from
return reply
