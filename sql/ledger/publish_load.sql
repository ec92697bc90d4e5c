-- The load is public. The database checks here that its buckets add up to the records read.
UPDATE loads
SET
    status = 'published',
    published_at = current_timestamp,
    inserted = :inserted,
    updated = :updated,
    unchanged = :unchanged,
    duplicate = :duplicate,
    superseded = :superseded
WHERE load_id = :load_id
