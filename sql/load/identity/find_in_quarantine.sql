-- The bytes of conflicts of one chunk, as far as they were in quarantine.
SELECT
    line_no,
    raw_record
FROM quarantine
WHERE
    line_no BETWEEN :first_line AND :last_line
    AND line_no IN (SELECT conflicts.line_no FROM conflicts)
