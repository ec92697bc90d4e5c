-- depends: 0026_distribute 0027_keys

-- A merge is seen whole or not at all, on every node. Nodes commit one after the other, so a row that a merge changes carries its
-- number, and what it was before. Readers go by one number: that of the last merge that every node has. It lies on every node, so
-- that it is read where the reader is, in his own snapshot, before any row is: every snapshot that he has of other nodes is
-- younger, and has all that this merge wrote.

-- The merge by which a load was published; null before there were numbers.
ALTER TABLE loads ADD COLUMN IF NOT EXISTS merge_no bigint;

-- The datasets whose merges are seen at once. A merge that is written and not shown yet is named by its load, with what becomes
-- of that then. Rows that the merge took_away stay until it is shown.
CREATE TABLE IF NOT EXISTS dataset_merges (
    dataset text PRIMARY KEY,
    table_name text NOT NULL,
    written bigint NOT NULL DEFAULT 0,
    load_id bigint,
    becomes text,
    took_away bigint
);
DO $$
BEGIN
    PERFORM citus_add_local_table_to_metadata('dataset_merges');
END
$$;

-- The end of a statement that would have to know more of a row than is kept.
CREATE OR REPLACE FUNCTION refuse_reader() RETURNS boolean STABLE PARALLEL SAFE LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'What this statement reads was replaced twice, or taken back, since it began: run the transaction again.'
        USING ERRCODE = 'serialization_failure';
END
$$;
GRANT EXECUTE ON FUNCTION refuse_reader() TO public;

-- What a row is: its columns by their names. to_jsonb() writes some types by the settings of the session; read again, these are
-- the same. It says of itself that this makes it not immutable, and Citus lets no update call it.
CREATE OR REPLACE FUNCTION as_it_was(stored anyelement) RETURNS jsonb IMMUTABLE PARALLEL SAFE LANGUAGE plpgsql AS $$
BEGIN
    RETURN to_jsonb(stored) - ARRAY['before', 'until'];
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
    IF to_regclass(quote_ident(seen)) IS NULL THEN
        EXECUTE format('CREATE TABLE %I (shown bigint NOT NULL, swept bigint NOT NULL)', seen);
        PERFORM create_reference_table(quote_ident(seen));
        EXECUTE format('INSERT INTO %I VALUES (0, 0)', seen);
    END IF;
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
            attrelid = quote_ident(stored)::regclass AND attnum > 0 AND NOT attisdropped
            AND attname NOT IN ('since', 'before', 'until')
    ) AS columns;
    -- The number is read first, and by itself; the ledger by that number.
    EXECUTE format(
        $view$
        CREATE OR REPLACE VIEW %1$I AS
        WITH seen AS MATERIALIZED (
            SELECT shown FROM %2$I
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
    PERFORM see_merges_at_once('usage', 'bills');
END
$$;
