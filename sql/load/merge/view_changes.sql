-- No staged key is stored: all that is staged is inserted, and nothing needs to be compared, nor written down.
CREATE TEMP VIEW changes AS
SELECT -- noqa: LT09
    :"columns",
    line_no,
    'inserted' AS bucket,
    FALSE AS replay
FROM :"staged"
