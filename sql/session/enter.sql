-- The last thing that opens a transaction which writes: nobody changes the schema while it is open.
SELECT share_turn('schema') AS turn
