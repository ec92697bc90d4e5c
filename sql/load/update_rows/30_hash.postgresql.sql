-- What follows is not of that kind.
SELECT set_config('enable_hashjoin', 'on', TRUE) AS by_hash
