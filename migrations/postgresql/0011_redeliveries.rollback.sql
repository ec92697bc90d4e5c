-- Older deliveries of the same bytes are kept, under a digest that no file has.
UPDATE loads
SET sha256 = older.sha256 || '-' || older.nth_last
FROM (
    SELECT
        load_id,
        sha256,
        row_number() OVER (PARTITION BY dataset, sha256 ORDER BY load_id DESC) AS nth_last
    FROM loads
) AS older
WHERE loads.load_id = older.load_id AND older.nth_last > 1;

ALTER TABLE loads DROP CONSTRAINT IF EXISTS loads_same_delivery_once;
ALTER TABLE loads DROP CONSTRAINT IF EXISTS loads_same_bytes_once;
ALTER TABLE loads ADD CONSTRAINT loads_same_bytes_once UNIQUE (dataset, sha256);
ALTER TABLE loads DROP COLUMN IF EXISTS delivery;
ALTER TABLE loads DROP COLUMN IF EXISTS out_of_turn;
DROP TABLE IF EXISTS replacements;

DROP INDEX IF EXISTS rejects_record_key;
ALTER TABLE rejects DROP COLUMN IF EXISTS record_key;
