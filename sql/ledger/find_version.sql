-- Which object of a store a load was read from, by its version or ETag; none if it was a file.
SELECT version
FROM load_versions
WHERE load_id = :load_id
