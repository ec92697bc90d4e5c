-- depends: 0020_plans_of_before

-- The migrations of a project that were applied: their names, and the SHA-256 of what stood in them.
CREATE TABLE IF NOT EXISTS project_migrations (
    migration_id text PRIMARY KEY,
    sha256 text NOT NULL
);

-- Whether a text is a value in JSON. PostgreSQL 15 has no IS JSON, and a cast fails.
CREATE OR REPLACE FUNCTION is_json(written text) RETURNS boolean LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
BEGIN
    RETURN written::json IS NOT NULL;
EXCEPTION WHEN invalid_text_representation OR untranslatable_character OR statement_too_complex THEN
    RETURN FALSE;
END
$$;
