-- Opens a transaction, whatever the role's defaults are. Each statement sees what was committed before it began; what must not
-- change is locked by name.
BEGIN ISOLATION LEVEL READ COMMITTED, READ WRITE -- noqa: PRS
