-- Gives an Idempotency-Key free again whose request came to nothing that is to be repeated.
-- KEYS  the key's record
-- ARGV  the claim that is to be given back
-- Reply {'released'} | {'not_ours'} (it has expired, or been answered)
if redis.call('GET', KEYS[1]) ~= ARGV[1] then
  return { 'not_ours' }
end
redis.call('DEL', KEYS[1])
return { 'released' }
