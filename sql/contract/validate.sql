-- The contract of each column, on landed records: the value of its field, or null; whether the field holds anything; and what is
-- wrong with it, the first rule that it breaks. Rules about the text come first, for only a text that keeps them has a value.
-- Materialized, else each rule that asks for a value would make it again.
CREATE TEMP TABLE :"validated" AS
WITH looked_at AS MATERIALIZED (
    SELECT
        /*:looked_at*/
        line_in_chunk,
        fault
    FROM :"landed"
),

typed AS MATERIALIZED (
    SELECT
        /*:typed*/
        line_in_chunk,
        fault
    FROM looked_at
)

SELECT
    /*:validated*/
    line_in_chunk,
    fault
FROM typed
