-- The view as it was.
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
        load_id <> ALL (ARRAY(SELECT loads.load_id FROM loads WHERE loads.status <> 'published')), -- noqa: CP03, LT01, LT06
        TRUE
    );

DROP FUNCTION IF EXISTS refuse_plan(bigint);
DROP FUNCTION IF EXISTS bills_months();
DROP TYPE IF EXISTS planning;
CREATE INDEX IF NOT EXISTS loads_not_published ON loads (load_id) WHERE status <> 'published';
DROP INDEX IF EXISTS loads_seen_with;
ALTER TABLE loads DROP COLUMN IF EXISTS seen_with;
ALTER TABLE loads DROP COLUMN IF EXISTS replaced;
ALTER TABLE loads DROP COLUMN IF EXISTS months;
ALTER TABLE datasets DROP COLUMN IF EXISTS months;
