-- Audit: inside the file there is another header, whose columns are not those of the first. The records after it may be misread
-- in ways that no rule sees.
SELECT
    'line ' || min(line_no) || ' is a header with other columns than the first, so the records after it would be misread: '
    || 'split the file there' AS finding
FROM rejects
WHERE load_id = :load_id AND reasons = 'header_differs'
HAVING count(*) > 0
