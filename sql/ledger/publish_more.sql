-- Records that were in quarantine are public now. The database checks that the buckets still add up to the records read.
UPDATE loads
SET
    inserted = inserted + :inserted,
    updated = updated + :updated,
    unchanged = unchanged + :unchanged,
    duplicate = duplicate + :duplicate,
    superseded = superseded + :superseded,
    rejected = rejected - :passed,
    rules = :rules,
    out_of_turn = TRUE
WHERE load_id = :load_id
