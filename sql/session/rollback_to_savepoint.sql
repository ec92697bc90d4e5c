-- Takes back what was done since the savepoint, and keeps the transaction going.
ROLLBACK TO SAVEPOINT :"name" -- noqa: PRS
