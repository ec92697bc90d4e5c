-- Accounts for rows that a load has, of which the sums are known.
INSERT INTO load_days (load_id, day, records, digest)
SELECT
    :load_id AS load_id,
    items.value ->> 'day' AS day,
    cast(items.value ->> 'records' AS bigint) AS records,
    cast(items.value ->> 'digest' AS numeric) AS digest
FROM json_items(:sums) AS items
WHERE TRUE
ON CONFLICT (load_id, day) DO UPDATE SET
    records = load_days.records + excluded.records,
    digest = load_days.digest + excluded.digest
