-- The loads of these bytes, if they ever came: the newest that is not discarded first.
SELECT *
FROM loads
WHERE dataset = :dataset AND sha256 = :sha256
ORDER BY status = 'discarded', load_id DESC
