-- A load that starts over is read by another profile, or by none.
DELETE FROM load_profiles WHERE load_id = :load_id
