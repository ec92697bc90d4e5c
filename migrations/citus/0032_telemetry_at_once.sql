-- depends: 0028_merges_at_once 0031_named

-- No reader sees a part of a merge of telemetry. Nodes commit one after the other, so whoever changes its tables raises a number
-- that lies on every node, in the same transaction, and has one connection to each node, which commits all of it there at one
-- instant. Readers get a view: it reads the number first, and every node that has rows compares it with its own, in the snapshot
-- that it reads the rows in. Where the two differ, the reader is told to begin again.

-- The end of a statement that would see a merge on one node, and not on another.
CREATE OR REPLACE FUNCTION refuse_between_merges() RETURNS boolean STABLE PARALLEL SAFE LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'A merge of what this statement reads is being committed, or was since it began: run the transaction again.'
        USING ERRCODE = 'serialization_failure';
END
$$;
GRANT EXECUTE ON FUNCTION refuse_between_merges() TO public;

-- Whoever may change rows of a dataset begins by this, behind its lock. Raising the number waits for a node that has yet to
-- commit the merge before: what is read then has it. Datasets whose rows carry the number of their merge need none of this.
CREATE OR REPLACE FUNCTION begin_merge(of_dataset text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    merges text := of_dataset || '_merges';
BEGIN
    IF EXISTS (SELECT 1 FROM dataset_merges WHERE dataset = of_dataset) THEN
        RETURN;
    END IF;
    PERFORM set_config('citus.multi_shard_modify_mode', 'sequential', TRUE);
    IF to_regclass(quote_ident(merges)) IS NOT NULL THEN
        EXECUTE format('UPDATE %I SET merges = merges + 1', merges);
    END IF;
END
$$;

-- Lets readers of a dataset's tables see merges whole: each table is called <table>_stored, and is read through a view of its old
-- name, as are views of it. For a dataset of a project (behind_views = true) a migration of it calls this after it has spread the
-- tables, and again after it has added a column.
CREATE OR REPLACE FUNCTION read_between_merges(of_dataset text, VARIADIC of_tables text[]) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    merges text := of_dataset || '_merges';
    named text;
    shown text;
    readers regclass[];
    texts text[];
    reader text;
BEGIN
    PERFORM set_config('citus.multi_shard_modify_mode', 'sequential', TRUE);
    IF to_regclass(quote_ident(merges)) IS NULL THEN
        EXECUTE format('CREATE TABLE %I (merges bigint NOT NULL)', merges);
        EXECUTE format('ALTER TABLE %I REPLICA IDENTITY FULL', merges); -- it is copied to a node that is added
        PERFORM create_reference_table(quote_ident(merges));
        EXECUTE format('INSERT INTO %I VALUES (0)', merges);
        -- nodes ask for it in the name of whoever reads
        EXECUTE format('GRANT SELECT ON %I TO public', merges);
    END IF;
    SELECT
        array_agg(found.reader ORDER BY found.reader),
        array_agg(pg_get_viewdef(found.reader) ORDER BY found.reader)
    INTO readers, texts
    FROM (
        SELECT DISTINCT pg_rewrite.ev_class AS reader
        FROM pg_depend
        INNER JOIN pg_rewrite ON pg_depend.objid = pg_rewrite.oid
        INNER JOIN pg_class ON pg_depend.refobjid = pg_class.oid
        WHERE
            pg_depend.classid = 'pg_rewrite'::regclass AND pg_class.relnamespace = current_schema()::regnamespace
            AND pg_class.relname = ANY (of_tables) AND pg_class.relkind <> 'v'
    ) AS found;
    FOREACH named IN ARRAY of_tables LOOP
        IF to_regclass(quote_ident(named || '_stored')) IS NULL THEN
            EXECUTE format('ALTER TABLE %I RENAME TO %I', named, named || '_stored');
        END IF;
        SELECT string_agg(quote_ident(attname), ', ' ORDER BY attnum) INTO STRICT shown
        FROM pg_attribute
        WHERE attrelid = quote_ident(named || '_stored')::regclass AND attnum > 0 AND NOT attisdropped;
        EXECUTE format(
            $view$
            CREATE OR REPLACE VIEW %1$I AS
            WITH seen AS MATERIALIZED (
                SELECT merges FROM %2$I
            )
            SELECT %3$s
            FROM %4$I
            -- the first is asked on the node that has the rows
            WHERE CASE WHEN (SELECT merges FROM %2$I) = (SELECT merges FROM seen) THEN TRUE ELSE refuse_between_merges() END
            $view$,
            named, merges, shown, named || '_stored'
        );
        -- who may read the table, may read the view
        FOR reader IN
            SELECT DISTINCT CASE WHEN granted.grantee = 0 THEN 'public' ELSE granted.grantee::regrole::text END
            FROM pg_class CROSS JOIN aclexplode(pg_class.relacl) AS granted
            WHERE
                pg_class.oid = quote_ident(named || '_stored')::regclass
                AND granted.privilege_type = 'SELECT' AND granted.grantee <> pg_class.relowner
        LOOP
            EXECUTE format('GRANT SELECT ON %I TO %s', named, reader);
        END LOOP;
    END LOOP;
    FOR number IN 1 .. coalesce(array_length(readers, 1), 0) LOOP
        EXECUTE format('CREATE OR REPLACE VIEW %s AS %s', readers[number], texts[number]);
    END LOOP;
END
$$;

DO $$
BEGIN
    PERFORM read_between_merges('telemetry', 'inverter_telemetry_raw', 'inverter_telemetry_clean', 'inverter_daily_summary');
END
$$;
