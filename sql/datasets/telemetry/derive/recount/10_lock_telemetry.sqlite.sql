-- No telemetry is published while days are summed up again. SQLite locks no rows; BEGIN IMMEDIATE keeps other writers out already.
SELECT dataset FROM datasets WHERE dataset = 'telemetry'
