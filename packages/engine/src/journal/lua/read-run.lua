-- A run as people see it. Writes nothing.
-- KEYS  run
-- ARGV  '1' without its input
-- Reply {field, value, …}, empty when there is no such run
-- @include heads
-- @include view
return view_of(KEYS[1], ARGV[1] == '1')
