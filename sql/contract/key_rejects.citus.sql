-- Twin: Citus lets no update call what makes a key, so keys are made before. A join to what was made so is quadratic on a
-- PostgreSQL without statistics.
-- Whose record a reject is, where that can be told: should it pass one day, what was delivered of its key since then must be
-- known.
WITH keyed AS MATERIALIZED (
    SELECT
        :first_line + validated.line_in_chunk - 1 AS line_no,
        '' /*:key*/ AS record_key
    FROM :"validated" AS validated
    WHERE
        :first_line + validated.line_in_chunk - 1 IN (
            SELECT rejects.line_no
            FROM rejects
            WHERE rejects.load_id = :load_id AND rejects.line_no BETWEEN :first_line AND :last_line
        )
)

UPDATE rejects
SET record_key = keyed.record_key
FROM keyed
WHERE rejects.load_id = :load_id AND rejects.line_no = keyed.line_no AND keyed.record_key IS NOT NULL
