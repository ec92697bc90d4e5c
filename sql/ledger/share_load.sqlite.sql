-- Read by whoever stages a chunk. SQLite locks no rows; BEGIN IMMEDIATE keeps other writers out already.
SELECT * FROM loads WHERE load_id = :load_id
