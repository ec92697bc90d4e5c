-- The rows of an upsert have arrived.
DROP TABLE :"incoming"
