-- From now on plans count the months that were attached. This is no sooner than all others have been told of these, so a plan
-- with this number has them. Plans of before are made again, except in a transaction that hears of nothing until its end.
CREATE OR REPLACE FUNCTION :"schema".:"months_function"() RETURNS bigint IMMUTABLE PARALLEL SAFE
RETURN :'months'::bigint + 0 * pg_relation_size('planning'::regclass, 'main')
