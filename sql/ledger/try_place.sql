-- Whether rows may be staged where they will stay now: nobody merges any there, nor waits to. Who merges waits until we commit.
SELECT try_turn('place ' || :dataset) AS is_free
