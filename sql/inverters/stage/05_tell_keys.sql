-- Whose record a reject is, where that can be told: should it pass one day, what was delivered of an inverter since then must be
-- known. Nothing can be told while the id itself is broken.
UPDATE rejects
SET record_key = raw.inverter_id
FROM :"raw" AS raw
WHERE
    rejects.load_id = :load_id
    AND rejects.line_no BETWEEN :first_line AND :last_line
    AND rejects.line_no - :first_line + 1 = raw.line_in_chunk
    AND raw.inverter_id <> ''
    AND rejects.reasons NOT LIKE '%inverter_id%'
