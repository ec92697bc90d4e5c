-- Merges are seen as each node commits them. Nobody would show then what is written, or delete what was taken away.
DO $$
BEGIN
    IF EXISTS (SELECT 1 FROM dataset_merges WHERE load_id IS NOT NULL OR took_away IS NOT NULL) THEN
        RAISE EXCEPTION 'A merge is written, and not shown or not swept yet: run any load of its dataset first.';
    END IF;
END
$$;

-- One row a published bill. The ledger is read before the bills are, on the other nodes: rows of loads that came in between are
-- left out. Shards plan each query anew, with all months that are attached by then, so no plan is too old.
CREATE OR REPLACE VIEW bills AS
SELECT
    bill_date,
    bill_id,
    customer_name,
    currency,
    product1_revenue,
    product2_revenue,
    load_id,
    line_no
FROM bills_stored
WHERE
    load_id <= (SELECT load_sequence.last_load_id FROM load_sequence)
    AND coalesce(
        load_id <> ALL (ARRAY( -- noqa: CP03, LT01, LT06
            SELECT loads.load_id
            FROM loads
            WHERE loads.dataset = 'usage' AND loads.status NOT IN ('published', 'reverted')
        )),
        TRUE
    );
DROP TABLE bills_seen;
-- Staging tables become partitions, and have the same columns.
DO $$
DECLARE
    named text;
BEGIN
    FOR named IN
        SELECT relname
        FROM pg_class
        WHERE
            relnamespace = current_schema()::regnamespace AND relkind IN ('r', 'p') AND NOT relispartition
            AND (relname = 'bills_stored' OR relname ~ '^staged_usage_[0-9]+(_|$)')
    LOOP
        EXECUTE format(
            'ALTER TABLE %I DROP COLUMN IF EXISTS since, DROP COLUMN IF EXISTS before, DROP COLUMN IF EXISTS until', named
        );
    END LOOP;
END
$$;
ALTER TABLE loads DROP COLUMN merge_no;
DROP TABLE dataset_merges;
DROP FUNCTION see_merges_at_once(text, text);
DROP FUNCTION as_it_was(anyelement);
DROP FUNCTION refuse_reader();
DROP FUNCTION IF EXISTS refuse_from_afar(); -- of a later migration: bills read it until here
