-- Whether the file is in the order of the key's first column, as the first records of its chunks tell: then what is staged is
-- inserted as it comes, and the table grows at its end. Sorting would cost half as much again as inserting does. PostgreSQL has
-- no index of staged lines, so that there a look at a few of them would be one at all.
SELECT 1 AS in_order
WHERE NOT EXISTS (
    SELECT 1
    FROM (
        SELECT staged.:"partition_by" < lag(staged.:"partition_by") OVER (ORDER BY staged.line_no) AS falls -- noqa: RF02
        FROM load_chunks
        INNER JOIN :"staged" AS staged ON staged.line_no BETWEEN load_chunks.first_line AND load_chunks.first_line + 9
        WHERE load_chunks.load_id = :load_id
    ) AS steps
    WHERE steps.falls
)
