-- Taken by whoever changes a load's state. SQLite locks no rows; BEGIN IMMEDIATE keeps other writers out already.
SELECT * FROM loads WHERE load_id = :load_id
