-- depends: 0009_bills_by_month

-- Whose record a reject is, as a text, where that can be told: what is delivered of it from now on is remembered while the reject
-- may still pass. Rejects of before get it when they are judged again: `dbsvc rejects retry`.
ALTER TABLE rejects ADD COLUMN IF NOT EXISTS record_key text COLLATE "C";

-- "Is there a reject of this key?" is asked for each record that leaves its row unchanged, while there is any reject.
CREATE INDEX IF NOT EXISTS rejects_record_key ON rejects (record_key) WHERE record_key IS NOT NULL;

-- How many deliveries of one load another one replaced, as the histories say it: for questions that must not count histories, and
-- for the check that counts them.
CREATE TABLE IF NOT EXISTS replacements (
    load_id bigint NOT NULL,
    replaced_by_load_id bigint NOT NULL,
    records bigint NOT NULL,
    PRIMARY KEY (load_id, replaced_by_load_id)
);

INSERT INTO replacements (load_id, replaced_by_load_id, records)
SELECT
    load_id,
    replaced_by_load_id,
    count(*)
FROM (
    SELECT
        load_id,
        replaced_by_load_id
    FROM bills_history
    UNION ALL
    SELECT
        load_id,
        replaced_by_load_id
    FROM plants_history
    UNION ALL
    SELECT
        load_id,
        replaced_by_load_id
    FROM inverters_history
    UNION ALL
    SELECT
        load_id,
        replaced_by_load_id
    FROM inverter_telemetry_raw_history
) AS past
WHERE replaced_by_load_id IS NOT NULL
GROUP BY load_id, replaced_by_load_id
ON CONFLICT (load_id, replaced_by_load_id) DO UPDATE SET records = excluded.records;

-- The same bytes may be delivered again on purpose: which delivery of them this is. out_of_turn: it was published after a later
-- load, or records of it were retried; then what it was counted as is not what it is in history.
ALTER TABLE loads ADD COLUMN IF NOT EXISTS delivery bigint NOT NULL DEFAULT 1 CHECK (delivery > 0);
ALTER TABLE loads ADD COLUMN IF NOT EXISTS out_of_turn boolean NOT NULL DEFAULT FALSE;

-- Makes a load idempotent: the same delivery of the same bytes is the same load.
ALTER TABLE loads DROP CONSTRAINT IF EXISTS loads_same_bytes_once;
ALTER TABLE loads DROP CONSTRAINT IF EXISTS loads_same_delivery_once;

-- What a rollback has told apart is put together again.
UPDATE loads
SET
    sha256 = told.sha256,
    delivery = told.delivery
FROM (
    SELECT
        load_id,
        substr(sha256, 1, 64) AS sha256,
        row_number() OVER (PARTITION BY dataset, substr(sha256, 1, 64) ORDER BY load_id) AS delivery
    FROM loads
) AS told
WHERE loads.load_id = told.load_id AND (loads.sha256 <> told.sha256 OR loads.delivery <> told.delivery);

ALTER TABLE loads ADD CONSTRAINT loads_same_delivery_once UNIQUE (dataset, sha256, delivery);

-- Loads of before may have been published late, or retried: where the counts say so, or the records in history, all did.
UPDATE loads
SET out_of_turn = TRUE
WHERE
    status = 'published'
    AND dataset IN (
        SELECT counted.dataset
        FROM (
            SELECT
                summed.dataset,
                summed.replaced - coalesce((
                    SELECT sum(replacements.records)
                    FROM replacements
                    INNER JOIN loads AS losing ON replacements.load_id = losing.load_id
                    WHERE losing.dataset = summed.dataset
                ), 0) AS difference
            FROM (
                SELECT
                    dataset,
                    sum(updated + superseded) AS replaced
                FROM loads
                WHERE status = 'published'
                GROUP BY dataset
            ) AS summed
        ) AS counted
        WHERE counted.difference <> 0
    );
