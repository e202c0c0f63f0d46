-- A run as people see it. Writes nothing.
-- KEYS  run
-- Reply {field, value, …}, empty when there is no such run
-- @include view
return view_of(KEYS[1])
