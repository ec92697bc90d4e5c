-- Nothing to do: staging tables are logged already, as a part of the stored table has to be.
-- Twin: a crash of one node would empty a part of a table that is not logged, so it never is one there.
SELECT 1 AS logged
