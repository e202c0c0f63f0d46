-- Lets a dead run go on from the step that failed, with fresh attempts, under a new job.
-- KEYS  run, alarms, the tenant's dead, the dead of all tenants
-- ARGV  run id, number of the death that is redriven, token of this call, ms until its job must have been claimed
-- Reply {'redriven', job id} | {'not_dead'} (or dead once more since: that death has a letter of its own) | {'unknown'}
-- @include clock
-- @include identity
local f = redis.call('HMGET', KEYS[1], 'status', 'deaths', 'jobs', 'redrives', 'revision', 'job', 'phase', 'acted')
if not f[1] then return { 'unknown' } end
if f[8] == ARGV[3] then return { 'redriven', f[6] } end
if f[1] ~= 'dead' or f[2] ~= ARGV[2] then return { 'not_dead' } end
local now = now_ms()
local jobs = (tonumber(f[3]) or 0) + 1
local job = nth_job(ARGV[1], jobs)
local redrives = (tonumber(f[4]) or 0) + 1
redis.call('HSET', KEYS[1],
  'h:r' .. redrives, '{"kind":"redriven","at":' .. now .. '}', 'acted', ARGV[3],
  'status', f[7] and 'compensating' or 'pending', 'job', job, 'jobs', jobs, 'redrives', redrives, 'waiting', '',
  'revision', f[5] + 1, 'updatedAt', now)
redis.call('ZADD', KEYS[2], now + ARGV[4], ARGV[1])
redis.call('ZREM', KEYS[3], ARGV[1])
redis.call('ZREM', KEYS[4], ARGV[1])
return { 'redriven', job }
