-- depends: 0015_publish_by_ledger

-- What lies in the tables by each load and day: how many rows, and a digest of them that does not depend on their order. It is
-- kept with every change that a load makes, so a check can tell when somebody else changed a row.
CREATE TABLE IF NOT EXISTS load_days (
    load_id bigint NOT NULL,
    -- a day where the table is partitioned by days, else empty
    day text NOT NULL,
    records bigint NOT NULL,
    -- the digests of its rows, added up
    digest numeric NOT NULL,
    PRIMARY KEY (load_id, day)
);

INSERT INTO load_days (load_id, day, records, digest)
SELECT
    load_id,
    cast(bill_date AS text),
    count(*),
    sum(hashint8extended(hash_record_extended(
        row(bill_date, bill_id, currency, customer_name, product1_revenue, product2_revenue), 0
    ), 0) & 4294967295)
FROM bills_stored
GROUP BY load_id, bill_date
ON CONFLICT (load_id, day) DO UPDATE SET records = excluded.records, digest = excluded.digest;

INSERT INTO load_days (load_id, day, records, digest)
SELECT
    load_id,
    '',
    count(*),
    sum(hashint8extended(hash_record_extended(
        row(plant_id, name, location, timezone), 0
    ), 0) & 4294967295)
FROM plants
GROUP BY load_id
ON CONFLICT (load_id, day) DO UPDATE SET records = excluded.records, digest = excluded.digest;

INSERT INTO load_days (load_id, day, records, digest)
SELECT
    load_id,
    '',
    count(*),
    sum(hashint8extended(hash_record_extended(
        row(inverter_id, plant_id, vendor, model, capacity_kw, commissioned_at), 0
    ), 0) & 4294967295)
FROM inverters
GROUP BY load_id
ON CONFLICT (load_id, day) DO UPDATE SET records = excluded.records, digest = excluded.digest;
