-- The load of these bytes, if they ever came.
SELECT * FROM loads WHERE dataset = :dataset AND sha256 = :sha256
