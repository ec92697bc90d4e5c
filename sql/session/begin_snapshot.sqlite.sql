-- Opens a transaction that only reads: all its statements see one state of the database. It waits for no writer.
BEGIN
