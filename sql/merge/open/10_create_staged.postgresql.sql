-- The staging area of one load: good records, typed and normalised, as the table will hold them. Unlogged, because it can be
-- made again from the file; without keys, because an index costs more to maintain than the copy itself; unvacuumed, because
-- dropping it would wait for the vacuum to be cancelled.
CREATE UNLOGGED TABLE :"staged" WITH (autovacuum_enabled = FALSE) AS
SELECT -- noqa: LT09
    0::bigint AS chunk_no,
    line_no,
    :"columns"
FROM :"table"
WITH NO DATA
