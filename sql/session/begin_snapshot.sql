-- Opens a transaction that only reads: all its statements see one state of the database.
BEGIN /*:to_read*/ -- noqa: PRS
