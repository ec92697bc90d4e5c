-- The first statement of a snapshot that reads bills. SQLite exchanges nothing: a snapshot sees what was there when it began.
SELECT 1
