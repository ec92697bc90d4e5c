-- Bills in quarantine, which are in no sum: those that may belong to these days, and those whose day cannot be told, because it
-- or the id is broken; without those that were mended or dismissed. Counted by the chunks and by the index of keys, so that a
-- large quarantine need not be read.
WITH closed AS (
    SELECT count(*) AS bills
    FROM reject_closings
    INNER JOIN loads ON reject_closings.load_id = loads.load_id
    WHERE loads.dataset = 'usage' AND loads.status NOT IN ('discarded', 'reverted') AND reject_closings.state <> 'retried'
),

told AS (
    SELECT substr(rejects.record_key, 1, 10) AS day
    FROM rejects
    INNER JOIN loads ON rejects.load_id = loads.load_id
    WHERE
        loads.dataset = 'usage'
        AND loads.status NOT IN ('discarded', 'reverted')
        AND rejects.record_key IS NOT NULL
        AND NOT EXISTS (
            SELECT 1
            FROM reject_closings AS closings
            WHERE closings.load_id = rejects.load_id AND closings.line_no = rejects.line_no
        )
),

held_back AS (
    SELECT coalesce(sum(load_chunks.rejected), 0) AS bills
    FROM loads
    INNER JOIN load_chunks ON loads.load_id = load_chunks.load_id
    WHERE loads.dataset = 'usage' AND loads.status NOT IN ('discarded', 'reverted')
)

SELECT
    (SELECT count(*) FROM told WHERE told.day BETWEEN cast(:first AS text) AND cast(:last AS text)) AS quarantined,
    cast(
        (SELECT held_back.bills FROM held_back) - (SELECT closed.bills FROM closed) - (SELECT count(*) FROM told) AS bigint
    ) AS quarantined_of_unknown_day
