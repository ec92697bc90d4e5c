CREATE OR REPLACE FUNCTION as_it_was(stored anyelement) RETURNS jsonb IMMUTABLE PARALLEL SAFE LANGUAGE plpgsql AS $$
BEGIN
    RETURN to_jsonb(stored) - ARRAY['before', 'until'];
END
$$;
