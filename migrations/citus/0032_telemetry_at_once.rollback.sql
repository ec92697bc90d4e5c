-- The tables get their names back, and views of them read them again. A merge is seen then as each node commits it.
DO $$
DECLARE
    named text;
    readers regclass[];
    texts text[];
BEGIN
    PERFORM set_config('citus.multi_shard_modify_mode', 'sequential', TRUE);
    FOREACH named IN ARRAY ARRAY['inverter_telemetry_raw', 'inverter_telemetry_clean', 'inverter_daily_summary'] LOOP
        SELECT
            array_agg(found.reader ORDER BY found.reader),
            array_agg(pg_get_viewdef(found.reader) ORDER BY found.reader)
        INTO readers, texts
        FROM (
            SELECT DISTINCT pg_rewrite.ev_class AS reader
            FROM pg_depend
            INNER JOIN pg_rewrite ON pg_depend.objid = pg_rewrite.oid
            WHERE
                pg_depend.classid = 'pg_rewrite'::regclass AND pg_depend.refobjid = quote_ident(named)::regclass
                AND pg_rewrite.ev_class <> pg_depend.refobjid
        ) AS found;
        EXECUTE format('ALTER VIEW %I RENAME TO %I', named, named || '_seen');
        EXECUTE format('ALTER TABLE %I RENAME TO %I', named || '_stored', named);
        FOR number IN 1 .. coalesce(array_length(readers, 1), 0) LOOP
            EXECUTE format('CREATE OR REPLACE VIEW %s AS %s', readers[number]::regclass, texts[number]);
        END LOOP;
        EXECUTE format('DROP VIEW %I', named || '_seen');
    END LOOP;
END
$$;

DROP TABLE telemetry_merges;
DROP FUNCTION read_between_merges(text, text[]);
DROP FUNCTION begin_merge(text);
DROP FUNCTION refuse_between_merges();
