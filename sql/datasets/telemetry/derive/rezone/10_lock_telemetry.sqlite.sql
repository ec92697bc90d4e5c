-- No telemetry is published while days move. SQLite locks no rows; BEGIN IMMEDIATE keeps other writers out already.
SELECT dataset FROM datasets WHERE dataset = 'telemetry'
