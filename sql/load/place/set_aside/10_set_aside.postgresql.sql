-- Records whose key stands in the file more than once are left for the merge, which knows which of them wins: all of them go
-- from their month, which is detached, to the rest.
WITH repeated AS (
    SELECT :"key"
    FROM :"month"
    GROUP BY :"key"
    HAVING count(*) > 1
),

gone AS (
    DELETE FROM :"month"
    WHERE (:"key") IN (SELECT * FROM repeated) -- noqa: RF02
    RETURNING :"columns", load_id, line_no
)

INSERT INTO :"staged" (:"columns", load_id, line_no)
SELECT -- noqa: LT09
    :"columns",
    load_id,
    line_no
FROM gone
