-- Writes down what a person found out about a dead run's effect in doubt, and lets the run go on.
-- KEYS  run, alarms, the tenant's dead
-- ARGV  run id, field, record as the person saw it, record to put in its place, ms until its job must have been claimed
-- Reply {'resolved', flow, job id, deaths} | {'not_dead'} | {'changed'} (the record is another one by now) | {'unknown'}
-- @include clock
-- @include identity
local f = redis.call('HMGET', KEYS[1], 'status', ARGV[2], 'jobs', 'redrives', 'phase', 'flow', 'deaths', 'revision')
if not f[1] then return { 'unknown' } end
if f[1] ~= 'dead' then return { 'not_dead' } end
if f[2] ~= ARGV[3] then return { 'changed' } end
local now = now_ms()
local jobs = (tonumber(f[3]) or 0) + 1
local job = nth_job(ARGV[1], jobs)
local redrives = (tonumber(f[4]) or 0) + 1
redis.call('HSET', KEYS[1], 'h:r' .. redrives, '{"kind":"resolved","at":' .. now .. '}', ARGV[2], ARGV[4], 'status', f[5] and 'compensating' or 'pending', 'job', job, 'jobs', jobs,
  'redrives', redrives, 'waiting', '', 'revision', f[8] + 1, 'updatedAt', now)
redis.call('ZADD', KEYS[2], now + ARGV[5], ARGV[1])
redis.call('ZREM', KEYS[3], ARGV[1])
return { 'resolved', f[6], job, tonumber(f[7]) }
