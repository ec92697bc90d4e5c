-- Opens a transaction that changes the schema.
BEGIN /*:to_write*/ -- noqa: PRS
