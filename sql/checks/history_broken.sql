-- title: History that cannot be
-- severity: critical
-- for each: dataset
-- do: Nothing of the program does this: find out who changed the history. Then restore the database from a backup
-- runbook: history_broken
-- A row of a history says what a key was, and which load replaced it. These rows name loads that are not published, or are the
-- current delivery at the same time, or repeat a value for the sake of an older load that is not open any more, and of no reject.
WITH past AS (
    SELECT
        concat_ws(' ', :"past_key") AS row_key,
        past.load_id,
        past.line_no,
        past.replaced_by_load_id,
        (
            SELECT count(*)
            FROM :"table" AS stored
            WHERE (:"stored_key") = (:"past_key") AND stored.load_id = past.load_id AND stored.line_no = past.line_no
        ) AS current_rows
    FROM :"history" AS past
),

suspects AS (
    SELECT
        past.row_key,
        past.load_id,
        past.line_no,
        past.replaced_by_load_id,
        CASE
            WHEN delivered.load_id IS NULL THEN 'its load is not published'
            WHEN past.replaced_by_load_id IS NOT NULL AND replacing.load_id IS NULL
                THEN 'the load that replaced it is not published'
            WHEN past.current_rows > 0 THEN 'it is current as well'
            WHEN past.replaced_by_load_id IS NULL AND NOT EXISTS (
                SELECT 1
                FROM loads AS waiting
                WHERE
                    waiting.dataset = :dataset
                    AND waiting.status IN ('staging', 'staged', 'held')
                    AND waiting.load_id < past.load_id
            ) AND NOT EXISTS (
                SELECT 1
                FROM rejects
                INNER JOIN loads AS waiting ON rejects.load_id = waiting.load_id
                WHERE
                    rejects.record_key = past.row_key
                    AND waiting.dataset = :dataset
                    AND waiting.status NOT IN ('discarded', 'reverted')
                    AND waiting.load_id <= past.load_id
                    AND NOT EXISTS (
                        SELECT 1
                        FROM reject_closings AS closings
                        WHERE
                            closings.load_id = rejects.load_id
                            AND closings.line_no = rejects.line_no
                            AND closings.state = 'dismissed'
                    )
            ) THEN 'it waits for no load'
        END AS what
    FROM past
    LEFT JOIN loads AS delivered ON past.load_id = delivered.load_id AND delivered.status = 'published'
    LEFT JOIN loads AS replacing ON past.replaced_by_load_id = replacing.load_id AND replacing.status = 'published'
)

SELECT
    :history_name AS table_name,
    row_key,
    load_id,
    line_no,
    replaced_by_load_id,
    what
FROM suspects
WHERE what IS NOT NULL
ORDER BY row_key, load_id, line_no
