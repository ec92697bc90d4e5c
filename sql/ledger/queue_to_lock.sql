-- Before a load is locked: whoever comes later to share it waits behind us.
SELECT take_turn(:load_id) AS turn
