-- Before a load is shared: nobody passes who waits to have it alone.
SELECT share_turn(:load_id) AS turn
