-- Whose record a reject is, where that can be told: should it pass one day, what was delivered of its key since then must be
-- known. Materialized, for Citus lets no update call what makes a key.
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
