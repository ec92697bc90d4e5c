-- A reject is mended when a later load delivers its record: as a row that is current, or past, or repeated and remembered. The
-- first such load is named, and the last of its lines.
INSERT INTO reject_closings (load_id, line_no, state, mended_by_load_id, mended_by_line_no)
SELECT
    reject_load_id,
    reject_line_no,
    'mended',
    load_id,
    line_no
FROM (
    SELECT
        *,
        row_number() OVER (PARTITION BY reject_load_id, reject_line_no ORDER BY load_id ASC, line_no DESC) AS nth
    FROM (
        SELECT
            wanted.reject_load_id,
            wanted.reject_line_no,
            stored.load_id,
            stored.line_no
        FROM wanted
        INNER JOIN :"table" AS stored ON (:"stored_key") = (:"wanted_key")
        UNION ALL
        SELECT
            wanted.reject_load_id,
            wanted.reject_line_no,
            past.load_id,
            past.line_no
        FROM wanted
        INNER JOIN :"history" AS past ON (:"past_key") = (:"wanted_key")
    ) AS delivered
    WHERE load_id > reject_load_id
) AS numbered
WHERE nth = 1
ON CONFLICT (load_id, line_no) DO NOTHING
