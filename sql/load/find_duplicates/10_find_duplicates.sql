-- The same key twice in one file: the last line wins (before that the dataset's precedence, if it has one: the newest event), and
-- has no bucket here. A line that equals a later one is its duplicate; one with other values is superseded.
CREATE TEMP TABLE duplicates AS
SELECT
    line_no,
    CASE
        WHEN nth_last = 1 THEN NULL
        WHEN nth_equal > 1 THEN 'duplicate'
        ELSE 'superseded'
    END AS bucket,
    of_key > of_values AS contradicts
FROM (
    SELECT
        line_no,
        row_number() OVER (PARTITION BY :"key" ORDER BY :"precedence" DESC, line_no DESC) AS nth_last,
        row_number() OVER (PARTITION BY :"columns" ORDER BY line_no DESC) AS nth_equal,
        count(*) OVER (PARTITION BY :"key") AS of_key,
        count(*) OVER (PARTITION BY :"columns") AS of_values
    FROM :"staged"
    WHERE (:"key") IN (SELECT * FROM repeated) -- noqa: RF02
) AS repeated
