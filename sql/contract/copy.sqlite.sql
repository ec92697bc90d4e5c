-- Records on the fast path go straight to where they are staged, typed on the way.
-- repeats: ON CONFLICT DO NOTHING RETURNING line_no
-- That is put at its end where records meet stored keys: which of them are left out can be told then.
-- Twin: PostgreSQL has COPY, whose types read texts; SQLite inserts, and takes them apart itself.
INSERT INTO :"table" (
    /*:columns*/
    line_no, load_id
)
WITH landed (:"columns") AS (
    VALUES :rows
)

SELECT
    /*:fast_values*/
    line_no,
    load_id
FROM landed
-- without a condition SQLite would take ON CONFLICT for that of a join
WHERE TRUE
