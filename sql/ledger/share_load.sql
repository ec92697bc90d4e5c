-- Read by whoever stages a chunk, and kept as it is until they commit: nobody discards or publishes a load meanwhile.
SELECT * FROM loads WHERE load_id = :load_id /*:for_share*/
