-- Staging tables are logged on Citus, as a part of the stored table has to be.
SELECT 1 AS logged
