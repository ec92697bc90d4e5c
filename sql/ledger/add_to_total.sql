-- What is staged has been measured. Added to what is there, for a retry brings more records of a load that was measured before.
UPDATE loads SET control_total = coalesce(control_total, 0) + :control_total WHERE load_id = :load_id
