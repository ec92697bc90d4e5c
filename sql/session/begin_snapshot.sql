-- Opens a transaction that only reads: all its statements see one state of the database.
BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY -- noqa: PRS
