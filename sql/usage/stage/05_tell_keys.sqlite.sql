-- Which bill a reject is, where that can be told: should it pass one day, what was delivered of this bill since then must be
-- known. Nothing can be told while the date or the id is broken; a
-- date too far away is none the less one.
-- SQLite has no dates to cast to, hence not PostgreSQL's statement.
UPDATE rejects
SET
    record_key = CASE
        WHEN substr(raw.bill_date, 3, 1) = '/'
            THEN substr(raw.bill_date, 7, 4) || '-' || substr(raw.bill_date, 4, 2) || '-' || substr(raw.bill_date, 1, 2)
        ELSE raw.bill_date
    END || ' ' || cast(raw.bill_id AS integer)
FROM :"raw" AS raw
WHERE
    rejects.load_id = :load_id
    AND rejects.line_no BETWEEN :first_line AND :last_line
    AND rejects.line_no - :first_line + 1 = raw.line_in_chunk
    AND raw.bill_date <> ''
    AND rejects.reasons NOT LIKE '%bill_date_invalid%'
    AND rejects.reasons NOT LIKE '%bill_id%'
