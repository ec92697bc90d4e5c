-- What lies in place without being public would be seen: it goes, and its loads are given up. Loads that were taken back count as
-- discarded.
DROP VIEW IF EXISTS revenue_daily;
DROP VIEW IF EXISTS bills_in_usd;
DROP VIEW IF EXISTS bills;

DELETE FROM bills_stored WHERE load_id IN (SELECT loads.load_id FROM loads WHERE loads.status <> 'published');

ALTER TABLE bills_stored RENAME TO bills;

CREATE TABLE loads_before AS
SELECT
    load_id,
    dataset,
    source,
    sha256,
    delivery,
    bytes,
    header,
    rules,
    status,
    released,
    held_because,
    registered_at,
    published_at,
    control_total,
    read,
    inserted,
    updated,
    unchanged,
    duplicate,
    superseded,
    rejected,
    out_of_turn,
    in_place
FROM loads;

DROP TABLE loads;

-- One delivery of one file's bytes.
CREATE TABLE loads (
    load_id integer PRIMARY KEY,
    dataset text NOT NULL REFERENCES datasets (dataset),
    -- the name under which these bytes came first
    source text NOT NULL,
    -- of the content, after decompression
    sha256 text NOT NULL,
    -- the same bytes may be delivered again on purpose: which delivery of them this is
    delivery integer NOT NULL DEFAULT 1 CHECK (delivery > 0),
    bytes integer NOT NULL,
    -- the file's own header record, so that rejects can be exported in the file's own column order
    header blob NOT NULL,
    -- which SQL rules read it: a digest of the dataset's statements
    rules text NOT NULL,
    status text NOT NULL DEFAULT 'staging'
    CHECK (status IN ('staging', 'staged', 'held', 'published', 'discarded')),
    -- an operator released it: the audits do not hold it again
    released boolean NOT NULL DEFAULT 0,
    -- what the audits found, one sentence a line
    held_because text,
    registered_at utc_timestamp NOT NULL DEFAULT current_timestamp,
    published_at utc_timestamp,
    -- the sum of its amounts in whole units, currencies mixed: only good for comparing deliveries with one another
    control_total integer,
    -- the buckets
    read integer NOT NULL DEFAULT 0,
    inserted integer NOT NULL DEFAULT 0,
    updated integer NOT NULL DEFAULT 0,
    unchanged integer NOT NULL DEFAULT 0,
    duplicate integer NOT NULL DEFAULT 0,
    superseded integer NOT NULL DEFAULT 0,
    rejected integer NOT NULL DEFAULT 0,
    -- it was published after a later load, or records of it were retried: then its counts are not what is in history
    out_of_turn boolean NOT NULL DEFAULT 0,
    -- makes a load idempotent: the same delivery of the same bytes is the same load
    CONSTRAINT loads_same_delivery_once UNIQUE (dataset, sha256, delivery),
    -- nothing is lost: a published load accounts for every record read
    CONSTRAINT loads_accounting_identity CHECK (
        status <> 'published'
        OR inserted + updated + unchanged + duplicate + superseded + rejected = read
    ),
    CONSTRAINT loads_published_has_a_time CHECK ((status = 'published') = (published_at IS NOT NULL))
);

-- "Is an older load still open?" is asked by every publish; open loads are few among many.
CREATE INDEX IF NOT EXISTS loads_open ON loads (dataset, load_id) WHERE status IN ('staging', 'staged', 'held');

INSERT INTO loads (
    load_id, dataset, source, sha256, delivery, bytes, header, rules, status, released,
    held_because, registered_at, published_at, control_total, read, inserted, updated, unchanged,
    duplicate, superseded, rejected, out_of_turn
)
SELECT
    load_id,
    dataset,
    source,
    sha256,
    delivery,
    bytes,
    header,
    rules,
    CASE WHEN gone THEN 'discarded' ELSE status END,
    released,
    held_because,
    registered_at,
    CASE WHEN NOT gone THEN published_at END,
    control_total,
    read,
    inserted,
    updated,
    unchanged,
    duplicate,
    superseded,
    rejected,
    out_of_turn
FROM (
    SELECT
        *,
        status = 'reverted' OR (in_place AND status IN ('staging', 'staged', 'held')) AS gone
    FROM loads_before
) AS known;

DROP TABLE loads_before;

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
