-- Rows not seen before.
-- count: inserted
-- Twin: the command's own count is not reliable on every member of PostgreSQL's family, and SQLite cannot count what RETURNING
-- returns. A heap has no order to keep, where SQLite's table grows at its end if it is sorted.
WITH inserted AS (
    INSERT INTO :"table" (:"columns", load_id, line_no)
    SELECT -- noqa: LT09
        :"columns",
        :load_id,
        line_no
    FROM changes
    WHERE bucket = 'inserted'
    RETURNING 1
)

SELECT count(*) AS records FROM inserted
