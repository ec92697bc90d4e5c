-- Whether anybody's name was ever erased; if not, nothing is looked at.
SELECT 1 AS anything
WHERE EXISTS (SELECT 1 FROM erased_names)
