-- Opens a transaction. Each statement sees what was committed before it began; what must not change is locked by name.
BEGIN
