-- The loads that a growing file, as it was, may have been: those with the same first line, and those of its name.
SELECT loads.*
FROM load_streams
INNER JOIN loads ON load_streams.load_id = loads.load_id
WHERE
    loads.dataset = :dataset
    AND loads.status <> 'reverted'
    AND (load_streams.stream = :stream OR loads.source = :source)
ORDER BY loads.load_id
