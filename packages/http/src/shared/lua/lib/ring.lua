-- Counts of the last eight seconds: a hash whose fields are a ring of quarter seconds, each `<bucket>:<count>`.
local BUCKET_MS, BUCKETS, RING_TTL_MS = 250, 32, 60000

local function count_in(key, packed)
  if packed == '' then return end
  for bucket, count in string.gmatch(packed, '(%d+):(%d+)') do
    local field = bucket % BUCKETS
    local held, before = string.match(redis.call('HGET', key, field) or '', '(%d+):(%d+)')
    if held == bucket then count = count + before end
    redis.call('HSET', key, field, bucket .. ':' .. count)
  end
  redis.call('PEXPIRE', key, RING_TTL_MS)
end

local function bucket_of(at)
  return string.format('%d', math.floor(at / BUCKET_MS))
end

-- What was counted in the last so many quarter seconds, the present one included.
local function counted_lately(key, now, buckets)
  local ring = redis.call('HGETALL', key)
  local sum = 0
  for i = 2, #ring, 2 do
    local bucket, count = string.match(ring[i], '(%d+):(%d+)')
    if bucket_of(now) - bucket < buckets then sum = sum + count end
  end
  return sum
end

-- The most that was counted in a quarter second of the last eight, as a rate a second.
local function best_pace(key)
  local best = 0
  for _, held in ipairs(redis.call('HVALS', key)) do
    best = math.max(best, tonumber(string.match(held, ':(%d+)')))
  end
  return 4 * best
end

-- What was counted in the second before `at`.
local function counted_before(key, at)
  local ring = redis.call('HGETALL', key)
  local gone = (at % BUCKET_MS) / BUCKET_MS
  local sum = 0
  for i = 2, #ring, 2 do
    local bucket, count = string.match(ring[i], '(%d+):(%d+)')
    local age = bucket_of(at) - bucket
    if age >= 0 and age < 4 then sum = sum + count end
    if age == 4 then sum = sum + count * (1 - gone) end
  end
  return sum
end
