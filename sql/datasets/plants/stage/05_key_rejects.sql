-- Whose record a reject is, where that can be told: should it pass one day, what was delivered of a plant since then must be
-- known. Nothing can be told while the id itself is broken.
UPDATE rejects
SET record_key = landed.plant_id
FROM :"landed" AS landed
WHERE
    rejects.load_id = :load_id
    AND rejects.line_no BETWEEN :first_line AND :last_line
    AND rejects.line_no - :first_line + 1 = landed.line_in_chunk
    AND landed.plant_id <> ''
    AND rejects.reasons NOT LIKE '%plant_id%'
