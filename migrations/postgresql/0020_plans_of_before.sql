-- depends: 0015_publish_by_ledger

-- A prepared statement keeps its plan, and a transaction that stays open hears of no new partition: its plan may be older than a
-- month that was attached, and its snapshot newer than the load that came with it. So a plan carries how many months had been
-- attached when it was made, and "bills" leaves out what was published after more; or refuses, where that replaced rows.

-- How many months were attached to a dataset's table, since there is this migration.
ALTER TABLE datasets ADD COLUMN IF NOT EXISTS months bigint NOT NULL DEFAULT 0;

-- How many months had been attached when a load last put rows in or took rows out: plans of before lack these.
ALTER TABLE loads ADD COLUMN IF NOT EXISTS months bigint NOT NULL DEFAULT 0;
-- then it changed rows that readers saw before: leaving its rows out does not bring these back
ALTER TABLE loads ADD COLUMN IF NOT EXISTS replaced boolean NOT NULL DEFAULT FALSE;
-- how many months a plan must know to show it, however many if it is not published; of one that was taken back nothing is stored
ALTER TABLE loads ADD COLUMN IF NOT EXISTS seen_with bigint NOT NULL
GENERATED ALWAYS AS (CASE WHEN status IN ('published', 'reverted') THEN months ELSE 9223372036854775807 END) STORED;

-- "Which loads does my plan not show?" is asked by every reader: those that are not published, and those newer than the plan.
CREATE INDEX IF NOT EXISTS loads_seen_with ON loads (dataset, seen_with);
DROP INDEX IF EXISTS loads_not_published;

-- How many months had been attached when a statement was planned. Immutable and without arguments, it is worked out by the
-- planner, who looks for partitions after that. Asking for the size of a relation locks it for a moment, and whoever takes a new
-- lock hears first of all partitions that were attached; nobody can have that lock already, for a type is nothing to be read.
-- The number stands in the function itself, and sql/load/place/plan writes it again: a row would be hidden from old snapshots,
-- and the planner sees the newest partitions at every level of isolation.
DO $$
BEGIN
    IF to_regtype('planning') IS NULL THEN
        CREATE TYPE planning AS ();
    END IF;
    IF to_regprocedure('bills_months()') IS NULL THEN
        CREATE FUNCTION bills_months() RETURNS bigint IMMUTABLE PARALLEL SAFE
        RETURN 0 + 0 * pg_relation_size('planning'::regclass, 'main');
    END IF;
END
$$;

-- The end of a statement whose plan is too old.
CREATE OR REPLACE FUNCTION refuse_plan(load_id bigint) RETURNS bigint STABLE PARALLEL SAFE LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION
        'Load % was published, and a month was added, since this statement was planned: run the transaction again.', load_id
        USING ERRCODE = 'serialization_failure';
END
$$;

-- They are called by whoever reads the view.
GRANT EXECUTE ON FUNCTION bills_months(), refuse_plan(bigint) TO public;

-- One row a published bill: its newest delivery. "<> ALL (ARRAY(...))" is worked out once a query, and costs a row 50 ns; a join
-- with the ledger would cost a multiple. "coalesce" keeps the planner from estimating: of a month that one load brought it would
-- expect no row at all, and plan for that.
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
    coalesce(
        load_id <> ALL (ARRAY( -- noqa: CP03, LT01, LT06
            SELECT CASE WHEN loads.replaced THEN refuse_plan(loads.load_id) ELSE loads.load_id END
            FROM loads
            WHERE loads.dataset = 'usage' AND loads.seen_with > bills_months()
        )),
        TRUE
    );
