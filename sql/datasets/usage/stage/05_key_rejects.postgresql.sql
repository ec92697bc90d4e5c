-- Which bill a reject is, where that can be told: should it pass one day, what was delivered of this bill since then must be
-- known. Nothing can be told while the date or the id is broken; a date too far away is none the less one.
-- Twin: SQLite has no dates to cast to: it puts the parts of a day in order.
UPDATE rejects
SET record_key = concat_ws(' ', landed.bill_date::date, landed.bill_id::bigint)
FROM :"landed" AS landed
WHERE
    rejects.load_id = :load_id
    AND rejects.line_no BETWEEN :first_line AND :last_line
    AND rejects.line_no - :first_line + 1 = landed.line_in_chunk
    AND landed.bill_date <> ''
    AND rejects.reasons NOT LIKE '%bill_date_invalid%'
    AND rejects.reasons NOT LIKE '%bill_id%'
