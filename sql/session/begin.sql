-- Opens a transaction to write, whatever the role's defaults are.
BEGIN /*:to_write*/ -- noqa: PRS
