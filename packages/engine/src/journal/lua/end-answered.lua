-- Ends a run for good whose effects have all been answered for by people (cancel-run), without its flow.
-- KEYS  run, alarms, the tenant's events, events that are due, the tenant's subscribers, the run that is drawn upon (only with a draw)
-- ARGV  run id, retention in ms, ms until a child's parent must have been told, amount drawn ('0' for none), what becomes of it
--       ('settled' | 'given_back')
-- Reply {'ended', status} | {'moved_on'} (there is nothing of that kind to end)
-- @include clock
-- @include announce
-- @include ending
-- @include events
local f = redis.call('HMGET', KEYS[1], 'answered', 'phase', 'revision', 'parent', 'status')
if f[5] ~= 'compensating' or f[1] ~= '1' then return { 'moved_on' } end
local now = now_ms()
redis.call('HSET', KEYS[1], 'status', f[2], 'owner', '', 'revision', f[3] + 1, 'updatedAt', now)
end_run({ run = KEYS[1], alarms = KEYS[2], source = KEYS[6] }, ARGV[1], now, f[4], ARGV[2], ARGV[3], ARGV[4], ARGV[5])
note_event({ run = KEYS[1], events = KEYS[3], due = KEYS[4], subscribers = KEYS[5] }, ARGV[1], 'run.' .. f[2], 0, now)
return { 'ended', f[2] }
