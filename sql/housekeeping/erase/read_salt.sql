-- What this database mixes into the digests of names.
SELECT salt FROM erased_salt
