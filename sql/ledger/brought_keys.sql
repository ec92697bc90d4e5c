-- The keys of the rows that came with a load.
SELECT :"key" -- noqa: PRS
FROM :"table"
WHERE load_id = :load_id
