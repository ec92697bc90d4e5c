-- depends: 0008_checks

-- Bills by month: a load is published by exchanging whole months in, where there are none yet, and a question about some days
-- reads their months alone. Every month with many bills gets a partition; all others share one. This copies the table: it takes
-- about as long as loading the bills did, and their room twice until it is done.

DROP VIEW IF EXISTS revenue_daily;
DROP VIEW IF EXISTS bills_in_usd;

-- A migrator may have died when this was done and not yet recorded: then there is nothing to move.
DO $$
BEGIN
    IF (SELECT relkind FROM pg_class WHERE oid = 'bills'::regclass) = 'r' THEN
        ALTER TABLE bills RENAME TO bills_unpartitioned;
        ALTER INDEX bills_pkey RENAME TO bills_unpartitioned_pkey;
    END IF;
END
$$;

-- One row a bill: its newest delivery. load_id and line_no say which record of which file it was. They are no foreign key:
-- publish holds the load's row locked while it writes them, and a key check a row would cost as much as the insert.
CREATE TABLE IF NOT EXISTS bills (
    bill_date date NOT NULL,
    bill_id bigint NOT NULL CHECK (bill_id >= 0),
    customer_name text NOT NULL CHECK (customer_name <> ''),
    -- "C", because upper-casing by the rules of a language costs a tenth of the load
    currency text NOT NULL CHECK (length(currency) = 3 AND upper(currency COLLATE "C") = currency),
    product1_revenue numeric(23, 8) NOT NULL CHECK (product1_revenue >= 0),
    product2_revenue numeric(23, 8) NOT NULL CHECK (product2_revenue >= 0),
    load_id bigint NOT NULL,
    line_no bigint NOT NULL,
    -- the logical key: a bill exists once. Ids may restart each day, so the date belongs to it; and it leads, because
    -- files come, and reports ask, day by day.
    PRIMARY KEY (bill_date, bill_id)
) PARTITION BY RANGE (bill_date);

CREATE TABLE IF NOT EXISTS bills_other_months PARTITION OF bills DEFAULT;

DO $$
DECLARE
    first date;
BEGIN
    IF to_regclass('bills_unpartitioned') IS NULL THEN
        RETURN;
    END IF;
    FOR first IN
        SELECT date_trunc('month', bill_date)::date FROM bills_unpartitioned GROUP BY 1 HAVING count(*) >= 10000
    LOOP
        EXECUTE format(
            'CREATE TABLE %I PARTITION OF bills FOR VALUES FROM (%L) TO (%L)',
            'bills_' || to_char(first, 'YYYY"_"MM'), first, (first + interval '1 month')::date
        );
    END LOOP;
    INSERT INTO bills (
        bill_date, bill_id, customer_name, currency, product1_revenue, product2_revenue, load_id, line_no
    )
    SELECT bill_date, bill_id, customer_name, currency, product1_revenue, product2_revenue, load_id, line_no
    FROM bills_unpartitioned;
    DROP TABLE bills_unpartitioned;
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

-- One row a day and currency. Where the rate is missing the revenue is missing, and not zero: who sums up should look for nulls.
CREATE OR REPLACE VIEW revenue_daily AS
SELECT
    bill_date,
    currency,
    count(*) AS bills,
    -- in the currency itself
    sum(product1_revenue) + sum(product2_revenue) AS amount,
    max(rate) AS rate,
    sum(product1_usd) AS product1_usd,
    sum(product2_usd) AS product2_usd,
    sum(product1_usd) + sum(product2_usd) AS revenue_usd
FROM bills_in_usd
GROUP BY bill_date, currency;
