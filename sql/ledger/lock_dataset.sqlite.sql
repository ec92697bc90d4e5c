-- One publish of a dataset at a time. SQLite locks no rows; BEGIN IMMEDIATE keeps other writers out already.
SELECT dataset FROM datasets WHERE dataset = :dataset
