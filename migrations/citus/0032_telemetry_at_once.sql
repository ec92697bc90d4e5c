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

-- The end of a statement that reads its own node over a connection: each look would be of another moment. No try again helps.
CREATE OR REPLACE FUNCTION refuse_from_afar() RETURNS boolean STABLE PARALLEL SAFE LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'This statement reads its own node over a connection, and might see a part of a merge.'
        USING
            ERRCODE = 'object_not_in_prerequisite_state',
            HINT = 'citus.enable_local_execution has to be on, and the node to have all reference tables: see dbsvc doctor.';
END
$$;
GRANT EXECUTE ON FUNCTION refuse_from_afar() TO public;

-- Lets those who may read one table or view, or columns of it, read another one.
CREATE OR REPLACE FUNCTION let_read_too(of_one regclass, another regclass) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    granted record;
BEGIN
    FOR granted IN
        SELECT DISTINCT
            rights.of_column,
            CASE WHEN one.grantee = 0 THEN 'public' ELSE one.grantee::regrole::text END AS reader,
            CASE WHEN one.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END AS on_too
        FROM (
            SELECT
                relowner,
                relacl AS acl,
                '' AS of_column
            FROM pg_class
            WHERE oid = of_one
            UNION ALL
            SELECT
                pg_class.relowner,
                pg_attribute.attacl AS acl,
                format('(%I)', pg_attribute.attname) AS of_column
            FROM pg_attribute
            INNER JOIN pg_class ON pg_attribute.attrelid = pg_class.oid
            WHERE pg_class.oid = of_one AND NOT pg_attribute.attisdropped
        ) AS rights
        CROSS JOIN aclexplode(rights.acl) AS one
        WHERE one.privilege_type = 'SELECT' AND one.grantee <> rights.relowner
    LOOP
        EXECUTE format('GRANT SELECT %s ON %s TO %s%s', granted.of_column, another, granted.reader, granted.on_too);
    END LOOP;
END
$$;

-- How each view that reads tables is made again, when their names are another's.
CREATE OR REPLACE FUNCTION how_views_are_made(of_tables regclass[]) RETURNS text[] LANGUAGE plpgsql AS $$
DECLARE
    kept text;
BEGIN
    SELECT string_agg(DISTINCT pg_rewrite.ev_class::regclass::text, ', ') INTO kept
    FROM pg_depend
    INNER JOIN pg_rewrite ON pg_depend.objid = pg_rewrite.oid
    INNER JOIN pg_class ON pg_rewrite.ev_class = pg_class.oid
    WHERE
        pg_depend.classid = 'pg_rewrite'::regclass AND pg_depend.refclassid = 'pg_class'::regclass
        AND pg_depend.refobjid = ANY (of_tables) AND pg_class.relkind = 'm';
    IF kept IS NOT NULL THEN
        RAISE EXCEPTION 'These materialised views read tables that a view takes the place of: %. Drop them, run this again, and '
            'create them again.', kept;
    END IF;
    RETURN ARRAY(
        SELECT
            format(
                'CREATE OR REPLACE VIEW %s %s AS %s',
                pg_class.oid::regclass, 'WITH (' || array_to_string(pg_class.reloptions, ', ') || ')', pg_get_viewdef(pg_class.oid)
            )
        FROM pg_class
        WHERE
            pg_class.relkind = 'v' AND pg_class.oid <> ALL (of_tables)
            AND EXISTS (
                SELECT 1
                FROM pg_depend
                INNER JOIN pg_rewrite ON pg_depend.objid = pg_rewrite.oid
                WHERE
                    pg_depend.classid = 'pg_rewrite'::regclass AND pg_depend.refclassid = 'pg_class'::regclass
                    AND pg_depend.refobjid = ANY (of_tables) AND pg_rewrite.ev_class = pg_class.oid
            )
        ORDER BY pg_class.oid
    );
END
$$;

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
    IF to_regclass(format('%I.%I', current_schema(), merges)) IS NOT NULL THEN
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
    stored regclass;
    readers text[];
    reader text;
BEGIN
    PERFORM set_config('citus.multi_shard_modify_mode', 'sequential', TRUE);
    IF to_regclass(format('%I.%I', current_schema(), merges)) IS NULL THEN
        EXECUTE format('CREATE TABLE %I (merges bigint NOT NULL)', merges);
        EXECUTE format('ALTER TABLE %I REPLICA IDENTITY FULL', merges); -- it is copied to a node that is added
        PERFORM create_reference_table(quote_ident(merges));
        EXECUTE format('INSERT INTO %I VALUES (0)', merges);
        -- nodes ask for it in the name of whoever reads
        EXECUTE format('GRANT SELECT ON %I TO public', merges);
    END IF;
    readers := how_views_are_made(ARRAY(
        SELECT oid::regclass
        FROM pg_class
        WHERE relnamespace = current_schema()::regnamespace AND relname = ANY (of_tables) AND relkind <> 'v'
    ));
    FOREACH named IN ARRAY of_tables LOOP
        IF to_regclass(format('%I.%I', current_schema(), named || '_stored')) IS NULL THEN
            EXECUTE format('ALTER TABLE %I.%I RENAME TO %I', current_schema(), named, named || '_stored');
        END IF;
        stored := format('%I.%I', current_schema(), named || '_stored')::regclass;
        SELECT string_agg(quote_ident(attname), ', ' ORDER BY attnum) INTO STRICT shown
        FROM pg_attribute
        WHERE attrelid = stored AND attnum > 0 AND NOT attisdropped;
        EXECUTE format(
            $view$
            CREATE OR REPLACE VIEW %1$I AS
            WITH me AS MATERIALIZED (
                SELECT pg_backend_pid() AS pid
            ),
            seen AS MATERIALIZED (
                SELECT merges
                FROM %2$I
                WHERE CASE WHEN pg_backend_pid() = (SELECT pid FROM me) THEN TRUE ELSE refuse_from_afar() END
            )
            SELECT %3$s
            FROM %4$s
            -- the first is asked on the node that has the rows
            WHERE CASE WHEN (SELECT merges FROM %2$I) = (SELECT merges FROM seen) THEN TRUE ELSE refuse_between_merges() END
            $view$,
            named, merges, shown, stored
        );
        PERFORM let_read_too(stored, format('%I.%I', current_schema(), named)::regclass);
    END LOOP;
    FOREACH reader IN ARRAY readers LOOP
        EXECUTE reader;
    END LOOP;
END
$$;

DO $$
BEGIN
    PERFORM read_between_merges('telemetry', 'inverter_telemetry_raw', 'inverter_telemetry_clean', 'inverter_daily_summary');
END
$$;
