-- The loads that a growing file, as it was, may have been: those with the same first line, and those of its name.
SELECT *
FROM loads
WHERE dataset = :dataset AND stream IS NOT NULL AND (stream = :stream OR source = :source)
ORDER BY load_id
