-- depends: 0032_telemetry_at_once 0034_as_it_was

-- A reader is told if the number that he goes by was lost, or is not read by his own node, in his own snapshot.

-- The end of a statement that would have to know more of a row than is kept.
CREATE OR REPLACE FUNCTION refuse_reader() RETURNS boolean STABLE PARALLEL SAFE LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'What this statement reads was replaced twice, taken back, or lost since it began: run the transaction again.'
        USING ERRCODE = 'serialization_failure';
END
$$;

-- Lets the merges of a dataset be seen at once, whose stored table is spread and read through a view. For a dataset of a project
-- a migration of it calls this after it has spread the table, and again after it has added a column.
CREATE OR REPLACE FUNCTION see_merges_at_once(of_dataset text, of_table text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    stored text := of_table || '_stored';
    seen text := of_table || '_seen';
    named text;
    shown text;
BEGIN
    PERFORM set_config('citus.multi_shard_modify_mode', 'sequential', TRUE);
    -- since: the merge that wrote the row; null where it is the one that published its load. before: what the row was until then.
    -- until: the merge that takes it away. Staging tables become partitions, and have the same columns.
    FOR named IN
        SELECT relname
        FROM pg_class
        WHERE
            relnamespace = current_schema()::regnamespace AND relkind IN ('r', 'p') AND NOT relispartition
            AND (relname = stored OR relname ~ ('^staged_' || of_dataset || '_[0-9]+(_|$)'))
    LOOP
        EXECUTE format('ALTER TABLE %I ADD COLUMN IF NOT EXISTS since bigint', named);
        EXECUTE format('ALTER TABLE %I ADD COLUMN IF NOT EXISTS before jsonb', named);
        EXECUTE format('ALTER TABLE %I ADD COLUMN IF NOT EXISTS until bigint', named);
    END LOOP;
    -- shown: how many merges are. swept: rows that merges until this one took away are there no more.
    IF to_regclass(format('%I.%I', current_schema(), seen)) IS NULL THEN
        EXECUTE format('CREATE TABLE %I (shown bigint NOT NULL, swept bigint NOT NULL)', seen);
        PERFORM create_reference_table(quote_ident(seen));
        EXECUTE format('INSERT INTO %I VALUES ($1, 0)', seen) USING coalesce(
            (SELECT written - CASE WHEN load_id IS NULL THEN 0 ELSE 1 END FROM dataset_merges WHERE dataset = of_dataset), 0
        );
    END IF;
    EXECUTE format('ALTER TABLE %I REPLICA IDENTITY FULL', seen); -- it is copied to a node that is added
    INSERT INTO dataset_merges (dataset, table_name) VALUES (of_dataset, of_table) ON CONFLICT DO NOTHING;

    SELECT
        string_agg(
            CASE
                WHEN is_key THEN quote_ident(attname)
                ELSE
                    format(
                        'CASE WHEN since > (SELECT shown FROM ledger) THEN cast(before ->> %L AS %s) ELSE %I END AS %I',
                        attname, type_name, attname, attname
                    )
            END, ', '
            ORDER BY attnum
        ) INTO STRICT shown
    FROM (
        SELECT
            attname,
            attnum,
            format_type(atttypid, atttypmod) AS type_name,
            EXISTS (
                SELECT 1 FROM pg_index WHERE indrelid = attrelid AND indisprimary AND attnum = ANY (indkey)
            ) AS is_key
        FROM pg_attribute
        WHERE
            attrelid = format('%I.%I', current_schema(), stored)::regclass AND attnum > 0 AND NOT attisdropped
            AND attname NOT IN ('since', 'before', 'until')
    ) AS columns;
    -- The number is read first, and by itself; the ledger by that number.
    EXECUTE format(
        $view$
        CREATE OR REPLACE VIEW %1$I AS
        WITH me AS MATERIALIZED (
            SELECT pg_backend_pid() AS pid
        ),
        seen AS MATERIALIZED (
            SELECT shown
            FROM %2$I
            WHERE CASE WHEN pg_backend_pid() = (SELECT pid FROM me) THEN TRUE ELSE refuse_from_afar() END
        ),
        ledger AS MATERIALIZED (
            SELECT
                seen.shown,
                load_sequence.last_load_id,
                ARRAY(
                    SELECT loads.load_id
                    FROM loads
                    WHERE
                        loads.dataset = %5$L
                        AND (loads.status NOT IN ('published', 'reverted') OR loads.merge_no > seen.shown)
                ) AS unseen
            FROM seen CROSS JOIN load_sequence
        )
        SELECT %3$s
        FROM %4$I
        WHERE
            CASE
                -- what is read first was lost: Citus writes it over a connection of the coordinator to itself, and may not notice
                WHEN (SELECT shown FROM ledger) IS NULL THEN refuse_reader()
                WHEN since > (SELECT shown FROM ledger) THEN
                    CASE
                        WHEN before IS NULL THEN FALSE
                        WHEN cast(before ->> 'since' AS bigint) > (SELECT shown FROM ledger) THEN refuse_reader()
                        ELSE cast(before ->> 'load_id' AS bigint) <> ALL ((SELECT unseen FROM ledger)::bigint[])
                    END
                ELSE load_id <= (SELECT last_load_id FROM ledger) AND load_id <> ALL ((SELECT unseen FROM ledger)::bigint[])
            END
            AND coalesce(until > (SELECT shown FROM ledger), TRUE)
            -- asked on the node that has the row
            AND CASE WHEN (SELECT swept FROM %2$I) > (SELECT shown FROM ledger) THEN refuse_reader() ELSE TRUE END
        $view$,
        of_table, seen, shown, stored, of_dataset
    );
END
$$;

DO $$
BEGIN
    PERFORM see_merges_at_once(dataset, table_name) FROM dataset_merges;
END
$$;
