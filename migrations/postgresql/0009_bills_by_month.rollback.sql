DROP VIEW IF EXISTS revenue_daily;
DROP VIEW IF EXISTS bills_in_usd;

ALTER TABLE bills RENAME TO bills_by_month;
ALTER INDEX bills_pkey RENAME TO bills_by_month_pkey;

CREATE TABLE bills (
    bill_date date NOT NULL,
    bill_id bigint NOT NULL CHECK (bill_id >= 0),
    customer_name text NOT NULL CHECK (customer_name <> ''),
    currency text NOT NULL CHECK (length(currency) = 3 AND upper(currency) = currency),
    product1_revenue numeric(23, 8) NOT NULL CHECK (product1_revenue >= 0),
    product2_revenue numeric(23, 8) NOT NULL CHECK (product2_revenue >= 0),
    load_id bigint NOT NULL,
    line_no bigint NOT NULL,
    -- the logical key: a bill exists once. Ids may restart each day, so the date belongs to it; and it leads, because
    -- files come, and reports ask, day by day.
    PRIMARY KEY (bill_date, bill_id)
);

INSERT INTO bills (
    bill_date, bill_id, customer_name, currency, product1_revenue, product2_revenue, load_id, line_no
)
SELECT -- noqa: LT09
    bill_date, bill_id, customer_name, currency, product1_revenue, product2_revenue, load_id, line_no
FROM bills_by_month;

DROP TABLE bills_by_month;

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
