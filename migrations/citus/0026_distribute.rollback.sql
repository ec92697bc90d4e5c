DO $$
DECLARE
    named regclass;
BEGIN
    PERFORM set_config('citus.multi_shard_modify_mode', 'sequential', TRUE);
    LOOP
        SELECT logicalrelid INTO named
        FROM pg_dist_partition
        INNER JOIN pg_class ON pg_dist_partition.logicalrelid = pg_class.oid
        WHERE pg_class.relnamespace = current_schema()::regnamespace AND NOT pg_class.relispartition
        LIMIT 1;
        EXIT WHEN named IS NULL;
        PERFORM undistribute_table(named, cascade_via_foreign_keys => TRUE);
    END LOOP;
END
$$;
