-- Whose names were erased, by their digests, and what stands in their place.
SELECT
    erased_names.name_digest,
    erased_names.pseudonym,
    erased_salt.salt
FROM erased_names
CROSS JOIN erased_salt
