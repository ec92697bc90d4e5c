-- Audit: a delivery without a single good record is a mistake of whoever made it, but for a small piece of a
-- file that grows.
SELECT 'there is nothing to publish: ' || read || ' records read, ' || rejected || ' rejected' AS finding
FROM loads
WHERE
    load_id = :load_id
    AND read = rejected
    AND (read >= :small_file OR load_id NOT IN (SELECT load_streams.load_id FROM load_streams))
