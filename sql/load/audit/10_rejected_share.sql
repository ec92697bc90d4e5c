-- Audit: too many of the records are rejected. Then the file is not what it claims to be, and publishing the rest would hide
-- that. In a small file a few bad records are a large share, so there only a majority counts; and of a small piece of a file
-- that grows nothing is asked, for it may well be one bad line.
SELECT
    rejected || ' of ' || read || ' records are rejected, which is more than '
    || CASE WHEN read < :small_file THEN 'half' ELSE :max_rejected_share || ' of them' END AS finding
FROM loads
WHERE
    load_id = :load_id
    AND rejected > read * CASE WHEN read < :small_file THEN 0.5 ELSE :max_rejected_share END
    AND (read >= :small_file OR load_id NOT IN (SELECT load_streams.load_id FROM load_streams))
