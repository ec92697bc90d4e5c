-- The next load's number. The row stays locked until we commit, so numbers become visible in their own order.
UPDATE load_sequence SET last_load_id = last_load_id + 1 RETURNING last_load_id AS load_id
