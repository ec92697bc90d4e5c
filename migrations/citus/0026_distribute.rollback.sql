DO $$
DECLARE
    named regclass;
BEGIN
    PERFORM set_config('citus.multi_shard_modify_mode', 'sequential', TRUE);
    LOOP
        SELECT table_name INTO named
        FROM citus_tables
        INNER JOIN pg_class ON citus_tables.table_name = pg_class.oid
        WHERE pg_class.relnamespace = current_schema()::regnamespace AND NOT pg_class.relispartition
        LIMIT 1;
        EXIT WHEN named IS NULL;
        PERFORM undistribute_table(named, cascade_via_foreign_keys => TRUE);
    END LOOP;
END
$$;
