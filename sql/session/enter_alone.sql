-- The last thing that opens a transaction which changes the schema: it waits for all that write, who come later wait for it.
SELECT take_turn('schema') AS turn
