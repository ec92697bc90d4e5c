-- depends: 0028_merges_at_once

-- What a row is: its columns by their names. to_jsonb() writes some types by the settings of the session; read again, these are
-- the same. It says of itself that this makes it not immutable, and Citus lets no update call it. A row that was not merged
-- before has nothing to leave out, and leaving out takes as long as all else does.
CREATE OR REPLACE FUNCTION as_it_was(stored anyelement) RETURNS jsonb IMMUTABLE PARALLEL SAFE LANGUAGE plpgsql AS $$
BEGIN
    IF stored.before IS NULL THEN
        RETURN to_jsonb(stored);
    END IF;
    RETURN to_jsonb(stored) - ARRAY['before', 'until'];
END
$$;
