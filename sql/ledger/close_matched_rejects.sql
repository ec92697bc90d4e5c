-- Records whose file shows that they are mended rejects close these, when both loads are published, unless they are rejects
-- themselves. Asked of the whole dataset: an older load may be published after the one that mended it.
INSERT INTO reject_closings (load_id, line_no, state, mended_by_load_id, mended_by_line_no)
SELECT
    load_id,
    line_no,
    'mended',
    by_load_id,
    by_line_no
FROM (
    SELECT
        open_rejects.load_id,
        open_rejects.line_no,
        reject_matches.load_id AS by_load_id,
        reject_matches.line_no AS by_line_no,
        row_number() OVER (
            PARTITION BY open_rejects.load_id, open_rejects.line_no ORDER BY reject_matches.load_id
        ) AS nth
    FROM loads
    INNER JOIN reject_matches ON loads.load_id = reject_matches.load_id
    INNER JOIN rejects AS open_rejects
        ON reject_matches.reject_load_id = open_rejects.load_id AND reject_matches.reject_line_no = open_rejects.line_no
    INNER JOIN loads AS rejecting ON open_rejects.load_id = rejecting.load_id
    LEFT JOIN rejects AS again ON reject_matches.load_id = again.load_id AND reject_matches.line_no = again.line_no
    WHERE
        loads.dataset = :dataset
        AND loads.status = 'published'
        AND rejecting.status = 'published'
        AND again.load_id IS NULL
) AS mended
WHERE nth = 1
ON CONFLICT (load_id, line_no) DO NOTHING
