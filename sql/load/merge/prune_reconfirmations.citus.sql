-- Twin: Citus refuses the conditions of the portable file, which ask for each row. This joins by a made key instead, which is
-- quadratic on a PostgreSQL without statistics.
-- Reconfirmations are kept for what is older and may still come: loads that are open, and rejects that may pass. When the last of
-- these is published, discarded, dismissed or validated to be something else, history holds only what was replaced: it is the
-- same whatever the order in which loads were published.
WITH awaited AS (
    SELECT
        rejects.record_key,
        min(rejects.load_id) AS load_id
    FROM rejects
    INNER JOIN loads ON rejects.load_id = loads.load_id
    LEFT JOIN reject_closings AS closings
        ON rejects.load_id = closings.load_id AND rejects.line_no = closings.line_no AND closings.state = 'dismissed'
    WHERE
        rejects.record_key IS NOT NULL
        AND loads.dataset = :dataset
        AND loads.status NOT IN ('discarded', 'reverted')
        AND closings.load_id IS NULL
    GROUP BY rejects.record_key
),

unneeded AS (
    SELECT -- noqa: LT09
        :"past_key",
        past.load_id,
        past.line_no
    FROM :"history" AS past
    LEFT JOIN awaited ON awaited.record_key = concat_ws(' ', :"past_key") AND past.load_id >= awaited.load_id
    WHERE
        past.replaced_by_load_id IS NULL
        AND past.load_id <= (
            SELECT coalesce(min(loads.load_id), 9223372036854775807)
            FROM loads
            WHERE loads.dataset = :dataset AND loads.status IN ('staging', 'staged', 'held')
        )
        AND awaited.load_id IS NULL
)

DELETE FROM :"history"
WHERE replaced_by_load_id IS NULL AND (:"key", load_id, line_no) IN (SELECT * FROM unneeded) -- noqa: LT09, RF02
