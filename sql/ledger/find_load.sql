-- The loads of these bytes, if they ever came: the newest that is neither discarded nor taken back first.
SELECT *
FROM loads
WHERE dataset = :dataset AND sha256 = :sha256
ORDER BY status = 'reverted', status = 'discarded', load_id DESC
