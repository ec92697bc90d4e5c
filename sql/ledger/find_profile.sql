-- The profile that a load was read by, as it was declared then.
SELECT
    name,
    content
FROM load_profiles
WHERE load_id = :load_id
