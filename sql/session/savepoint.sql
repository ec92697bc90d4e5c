-- Opens a transaction inside a transaction.
SAVEPOINT :"name" -- noqa: PRS
