DROP VIEW IF EXISTS revenue_daily;
DROP VIEW IF EXISTS bills_in_usd;

ALTER TABLE bills RENAME TO bills_by_month;

CREATE TABLE bills (
    bill_date date NOT NULL CHECK (date(bill_date, '+0 days') = bill_date),
    bill_id integer NOT NULL CHECK (bill_id >= 0),
    customer_name text NOT NULL CHECK (customer_name <> ''),
    currency text NOT NULL CHECK (currency GLOB '[A-Z][A-Z][A-Z]'),
    product1_revenue decimal_text NOT NULL
    CHECK (product1_revenue GLOB '*[0-9].[0-9][0-9][0-9][0-9][0-9][0-9][0-9][0-9]' AND product1_revenue NOT GLOB '*[^0-9.]*'),
    product2_revenue decimal_text NOT NULL
    CHECK (product2_revenue GLOB '*[0-9].[0-9][0-9][0-9][0-9][0-9][0-9][0-9][0-9]' AND product2_revenue NOT GLOB '*[^0-9.]*'),
    load_id integer NOT NULL,
    line_no integer NOT NULL,
    -- the logical key: a bill exists once. Ids may restart each day, so the date belongs to it; and it leads, because
    -- files come, and reports ask, day by day.
    PRIMARY KEY (bill_date, bill_id)
) WITHOUT ROWID;

INSERT INTO bills (
    bill_date, bill_id, customer_name, currency, product1_revenue, product2_revenue, load_id, line_no
)
SELECT -- noqa: LT09
    bill_date, bill_id, customer_name, currency, product1_revenue, product2_revenue, load_id, line_no
FROM bills_by_month;

DROP TABLE bills_by_month;

-- Every bill in USD at its date's rate: what revenue means, in one place. Without a rate the amounts are unknown, hence null.
-- decimal_mul, decimal_add and decimal_sum are those of SQLite's own extension "decimal", which its shell has built in; the
-- engine brings them along. A migration that renames or drops a column, of any table, has to drop these views before, and to
-- create them again: SQLite looks through all views then, and yoyo's connection does not know the functions.
CREATE VIEW IF NOT EXISTS bills_in_usd AS
SELECT
    bills.bill_date,
    bills.bill_id,
    bills.customer_name,
    bills.currency,
    bills.product1_revenue,
    bills.product2_revenue,
    CASE WHEN bills.currency = 'USD' THEN '1' ELSE fx_rates.rate END AS rate,
    CASE
        WHEN bills.currency = 'USD' THEN bills.product1_revenue
        ELSE decimal_mul(bills.product1_revenue, fx_rates.inverse_rate)
    END AS product1_usd,
    CASE
        WHEN bills.currency = 'USD' THEN bills.product2_revenue
        ELSE decimal_mul(bills.product2_revenue, fx_rates.inverse_rate)
    END AS product2_usd
FROM bills
LEFT JOIN fx_rates ON bills.bill_date = fx_rates.rate_date AND bills.currency = fx_rates.currency;

-- One row a day and currency. Where the rate is missing the revenue is missing, and not zero: who sums up should look for nulls.
CREATE VIEW IF NOT EXISTS revenue_daily AS
SELECT
    bill_date,
    currency,
    count(*) AS bills,
    -- in the currency itself
    decimal_add(decimal_sum(product1_revenue), decimal_sum(product2_revenue)) AS amount,
    max(rate) AS rate,
    -- the extension's sum of nulls is 0
    CASE WHEN max(rate) IS NOT NULL THEN decimal_sum(product1_usd) END AS product1_usd,
    CASE WHEN max(rate) IS NOT NULL THEN decimal_sum(product2_usd) END AS product2_usd,
    CASE WHEN max(rate) IS NOT NULL THEN decimal_add(decimal_sum(product1_usd), decimal_sum(product2_usd)) END AS revenue_usd
FROM bills_in_usd
GROUP BY bill_date, currency;
