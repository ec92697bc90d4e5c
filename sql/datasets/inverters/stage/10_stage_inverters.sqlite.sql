-- Good records, typed.
-- count: staged
-- Twin: SQLite's own cast to a float misses the nearest one by a digit now and then, and the time was read when the record
-- landed.
INSERT INTO :"staged" (load_id, line_no, inverter_id, plant_id, vendor, model, capacity_kw, commissioned_at)
SELECT
    :load_id,
    :first_line + line_in_chunk - 1,
    inverter_id,
    plant_id,
    vendor,
    model,
    nearest_float(capacity_kw),
    commissioned_utc
FROM :"landed"
WHERE
    :first_line + line_in_chunk - 1 NOT IN (
        SELECT rejects.line_no
        FROM rejects
        WHERE rejects.load_id = :load_id AND rejects.line_no BETWEEN :first_line AND :last_line
    )
