-- Whose record a reject is, where that can be told: should it pass one day, what was delivered of its key since then must be
-- known.
UPDATE rejects
SET record_key = '' /*:key*/
FROM :"validated" AS validated
WHERE
    rejects.load_id = :load_id
    AND not_sought(rejects.line_no) BETWEEN :first_line AND :last_line
    AND rejects.line_no = :first_line + validated.line_in_chunk - 1
    AND '' /*:key*/ IS NOT NULL
