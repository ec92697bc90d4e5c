-- The load is public. The database checks here that its buckets add up to the records read. Loads after it may be public already.
UPDATE loads
SET
    status = 'published',
    published_at = current_timestamp,
    inserted = :inserted,
    updated = :updated,
    unchanged = :unchanged,
    duplicate = :duplicate,
    superseded = :superseded,
    out_of_turn = load_id < (
        SELECT coalesce(max(published.load_id), 0)
        FROM loads AS published
        WHERE published.dataset = loads.dataset AND published.status = 'published'
    )
WHERE load_id = :load_id
