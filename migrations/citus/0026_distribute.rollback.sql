DO $$
DECLARE
    named regclass;
BEGIN
    FOR named IN
        SELECT table_name FROM citus_tables
        INNER JOIN pg_class ON pg_class.oid = table_name
        WHERE relnamespace = current_schema()::regnamespace
    LOOP
        PERFORM undistribute_table(named);
    END LOOP;
END
$$;
