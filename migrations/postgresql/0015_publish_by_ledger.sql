-- depends: 0011_redeliveries

-- Publishing is one row. Bills lie in bills_stored, also those of loads that are not published yet; "bills" is a view that leaves
-- these out. So a load becomes visible, whole, to every reader whose snapshot sees its row of the ledger as published, and nobody
-- has to be locked out for that. Tables keep their rows: only bills of months that had none of their own are moved.

ALTER TABLE loads ADD COLUMN IF NOT EXISTS reverted_at timestamptz;
-- how many rows went when it was taken back
ALTER TABLE loads ADD COLUMN IF NOT EXISTS removed bigint NOT NULL DEFAULT 0;
-- rows of it may lie in its dataset's table before it is published
ALTER TABLE loads ADD COLUMN IF NOT EXISTS in_place boolean NOT NULL DEFAULT FALSE;
-- between which days these are, as far as a sample tells
ALTER TABLE loads ADD COLUMN IF NOT EXISTS first_day date;
ALTER TABLE loads ADD COLUMN IF NOT EXISTS last_day date;

ALTER TABLE loads DROP CONSTRAINT IF EXISTS loads_status_check;
ALTER TABLE loads ADD CONSTRAINT loads_status_check
CHECK (status IN ('staging', 'staged', 'held', 'published', 'discarded', 'reverted'));
ALTER TABLE loads DROP CONSTRAINT IF EXISTS loads_published_has_a_time;
ALTER TABLE loads ADD CONSTRAINT loads_published_has_a_time
CHECK ((status IN ('published', 'reverted')) = (published_at IS NOT NULL));
ALTER TABLE loads DROP CONSTRAINT IF EXISTS loads_reverted_has_a_time;
ALTER TABLE loads ADD CONSTRAINT loads_reverted_has_a_time CHECK ((status = 'reverted') = (reverted_at IS NOT NULL));

-- "Which loads are not published?" is asked by every reader; few are not.
CREATE INDEX IF NOT EXISTS loads_not_published ON loads (load_id) WHERE status <> 'published';

-- A migrator may have died when this was done and not yet recorded: then there is nothing to rename.
DO $$
DECLARE
    first date;
BEGIN
    IF (SELECT relkind FROM pg_class WHERE oid = 'bills'::regclass) = 'v' THEN
        RETURN;
    END IF;
    ALTER TABLE bills RENAME TO bills_stored;
    ALTER INDEX bills_pkey RENAME TO bills_stored_pkey;
    -- Every month gets a partition. While one is shared, adding a month would wait for its readers, and look through its rows.
    ALTER TABLE bills_stored DETACH PARTITION bills_other_months;
    FOR first IN SELECT DISTINCT date_trunc('month', bill_date)::date FROM bills_other_months LOOP
        EXECUTE format(
            'CREATE TABLE %I PARTITION OF bills_stored FOR VALUES FROM (%L) TO (%L)',
            'bills_' || to_char(first, 'YYYY"_"MM'), first, (first + interval '1 month')::date
        );
    END LOOP;
    INSERT INTO bills_stored (
        bill_date, bill_id, customer_name, currency, product1_revenue, product2_revenue, load_id, line_no
    )
    SELECT bill_date, bill_id, customer_name, currency, product1_revenue, product2_revenue, load_id, line_no
    FROM bills_other_months;
    DROP TABLE bills_other_months;
END
$$;

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
        load_id <> ALL (ARRAY(SELECT loads.load_id FROM loads WHERE loads.status <> 'published')), -- noqa: CP03, LT01, LT06
        TRUE
    );

-- Whoever adds bills by hand may do so through the view, of any month, also by COPY. Changing and deleting need nothing for that.
CREATE OR REPLACE FUNCTION insert_bill() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    first date := date_trunc('month', new.bill_date)::date;
    month text := 'bills_' || to_char(new.bill_date, 'YYYY"_"MM');
BEGIN
    IF to_regclass(quote_ident(month)) IS NULL THEN
        EXECUTE format(
            'CREATE TABLE %I PARTITION OF bills_stored FOR VALUES FROM (%L) TO (%L)',
            month, first, (first + interval '1 month')::date
        );
    END IF;
    INSERT INTO bills_stored (
        bill_date, bill_id, customer_name, currency, product1_revenue, product2_revenue, load_id, line_no
    )
    VALUES (
        new.bill_date, new.bill_id, new.customer_name, new.currency, new.product1_revenue, new.product2_revenue, new.load_id,
        new.line_no
    );
    RETURN new;
END
$$;

CREATE OR REPLACE TRIGGER bills_inserted INSTEAD OF INSERT ON bills FOR EACH ROW EXECUTE FUNCTION insert_bill();

-- Who was allowed to read or write the table may do so by the view.
DO $$
DECLARE
    allowed record;
BEGIN
    FOR allowed IN
        SELECT
            acl.privilege_type,
            CASE WHEN acl.grantee = 0 THEN 'PUBLIC' ELSE acl.grantee::regrole::text END AS grantee
        FROM pg_class
        CROSS JOIN LATERAL aclexplode(pg_class.relacl) AS acl
        WHERE
            pg_class.oid = 'bills_stored'::regclass
            AND acl.grantee <> pg_class.relowner
            AND acl.privilege_type IN ('SELECT', 'INSERT', 'UPDATE', 'DELETE')
    LOOP
        EXECUTE format('GRANT %s ON bills TO %s', allowed.privilege_type, allowed.grantee);
    END LOOP;
END
$$;

-- Every bill in USD at its date's rate: what revenue means, in one place. Without a rate the amounts are unknown, hence null.
CREATE OR REPLACE VIEW bills_in_usd AS
SELECT
    bills.bill_date,
    bills.bill_id,
    bills.customer_name,
    bills.currency,
    bills.product1_revenue,
    bills.product2_revenue,
    CASE WHEN bills.currency = 'USD' THEN 1 ELSE fx_rates.rate END AS rate,
    CASE
        WHEN bills.currency = 'USD' THEN bills.product1_revenue
        ELSE bills.product1_revenue * fx_rates.inverse_rate
    END AS product1_usd,
    CASE
        WHEN bills.currency = 'USD' THEN bills.product2_revenue
        ELSE bills.product2_revenue * fx_rates.inverse_rate
    END AS product2_usd
FROM bills
LEFT JOIN fx_rates ON bills.bill_date = fx_rates.rate_date AND bills.currency = fx_rates.currency;
