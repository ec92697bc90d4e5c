-- The number that a load has now which once had this one.
SELECT load_id FROM renumbered_loads WHERE old_load_id = :old_load_id
