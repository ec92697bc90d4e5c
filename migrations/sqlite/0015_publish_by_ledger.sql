-- depends: 0011_redeliveries

-- Publishing is one row. Bills lie in bills_stored, also those of loads that are not published yet; "bills" is a view that leaves
-- these out. So a load is staged where it will stay, and becomes visible, whole, by its row of the ledger. Bills are not copied.

DROP VIEW IF EXISTS revenue_daily;
DROP VIEW IF EXISTS bills_in_usd;

ALTER TABLE bills RENAME TO bills_stored;

-- SQLite cannot change a constraint: the ledger is written once more.
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
    out_of_turn
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
    CHECK (status IN ('staging', 'staged', 'held', 'published', 'discarded', 'reverted')),
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
    reverted_at utc_timestamp,
    -- how many rows went when it was taken back
    removed integer NOT NULL DEFAULT 0,
    -- rows of it may lie in its dataset's table before it is published
    in_place boolean NOT NULL DEFAULT 0,
    -- between which days these are, as far as a sample tells
    first_day date,
    last_day date,
    -- makes a load idempotent: the same delivery of the same bytes is the same load
    CONSTRAINT loads_same_delivery_once UNIQUE (dataset, sha256, delivery),
    -- nothing is lost: a published load accounts for every record read
    CONSTRAINT loads_accounting_identity CHECK (
        status <> 'published'
        OR inserted + updated + unchanged + duplicate + superseded + rejected = read
    ),
    CONSTRAINT loads_published_has_a_time CHECK (
        (status IN ('published', 'reverted')) = (published_at IS NOT NULL)
    ),
    CONSTRAINT loads_reverted_has_a_time CHECK ((status = 'reverted') = (reverted_at IS NOT NULL))
);

-- "Is an older load still open?" is asked by every publish; open loads are few among many.
CREATE INDEX IF NOT EXISTS loads_open ON loads (dataset, load_id) WHERE status IN ('staging', 'staged', 'held');

-- "Which loads are not published?" is asked by every reader; few are not.
CREATE INDEX IF NOT EXISTS loads_not_published ON loads (load_id) WHERE status <> 'published';

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
    out_of_turn
FROM loads_before;

DROP TABLE loads_before;

-- One row a published bill: its newest delivery. NOT IN is worked out once a query, and costs a row 0.1 µs.
CREATE VIEW IF NOT EXISTS bills AS
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
WHERE load_id NOT IN (SELECT loads.load_id FROM loads WHERE loads.status <> 'published');

-- Whoever corrects bills by hand may write through the view, as on PostgreSQL.
CREATE TRIGGER IF NOT EXISTS bills_inserted INSTEAD OF INSERT ON bills
BEGIN
    INSERT INTO bills_stored (
        bill_date, bill_id, customer_name, currency, product1_revenue, product2_revenue, load_id, line_no
    )
    VALUES (
        new.bill_date,
        new.bill_id,
        new.customer_name,
        new.currency,
        new.product1_revenue,
        new.product2_revenue,
        new.load_id,
        new.line_no
    );
END;

CREATE TRIGGER IF NOT EXISTS bills_updated INSTEAD OF UPDATE ON bills
BEGIN
    UPDATE bills_stored
    SET
        bill_date = new.bill_date,
        bill_id = new.bill_id,
        customer_name = new.customer_name,
        currency = new.currency,
        product1_revenue = new.product1_revenue,
        product2_revenue = new.product2_revenue,
        load_id = new.load_id,
        line_no = new.line_no
    WHERE bill_date = old.bill_date AND bill_id = old.bill_id;
END;

CREATE TRIGGER IF NOT EXISTS bills_deleted INSTEAD OF DELETE ON bills
BEGIN
    DELETE FROM bills_stored WHERE bill_date = old.bill_date AND bill_id = old.bill_id;
END;

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
