-- depends: 0015_publish_by_ledger

-- What lies in the tables by each load and day: how many rows, and a digest of them that does not depend on their order. It is
-- kept with every change that a load makes, so a check can tell when somebody else changed a row.
CREATE TABLE IF NOT EXISTS load_days (
    load_id integer NOT NULL,
    -- a day where the table is partitioned by days, else empty
    day text NOT NULL,
    records integer NOT NULL,
    -- the digests of its rows, added up
    digest integer NOT NULL,
    PRIMARY KEY (load_id, day)
) WITHOUT ROWID;

INSERT INTO load_days (load_id, day, records, digest)
SELECT
    load_id,
    cast(bill_date AS text),
    count(*),
    sum(record_digest(cast(
        printf('%s|%s|%s|%s|%s|%s', bill_date, bill_id, currency, customer_name, product1_revenue, product2_revenue) AS blob
    )))
FROM bills_stored
WHERE TRUE
GROUP BY load_id, bill_date
ON CONFLICT (load_id, day) DO UPDATE SET records = excluded.records, digest = excluded.digest;

INSERT INTO load_days (load_id, day, records, digest)
SELECT
    load_id,
    '',
    count(*),
    sum(record_digest(cast(
        printf('%s|%s|%s|%s', plant_id, name, location, timezone) AS blob
    )))
FROM plants
GROUP BY load_id
ON CONFLICT (load_id, day) DO UPDATE SET records = excluded.records, digest = excluded.digest;

INSERT INTO load_days (load_id, day, records, digest)
SELECT
    load_id,
    '',
    count(*),
    sum(record_digest(cast(
        printf('%s|%s|%s|%s|%s|%s', inverter_id, plant_id, vendor, model, capacity_kw, commissioned_at) AS blob
    )))
FROM inverters
GROUP BY load_id
ON CONFLICT (load_id, day) DO UPDATE SET records = excluded.records, digest = excluded.digest;
