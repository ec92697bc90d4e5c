-- Published loads after one that brought what was there already: perhaps by that one. What an earlier revert touched may repeat
-- now what it had changed: of such a load that may be all its records.
SELECT
    later.load_id,
    later.source,
    CASE WHEN later.out_of_turn THEN later.read - later.rejected ELSE later.unchanged + later.superseded END AS records
FROM loads AS this
INNER JOIN loads AS later ON this.dataset = later.dataset AND this.load_id < later.load_id
WHERE this.load_id = :load_id AND later.status = 'published' AND (later.unchanged + later.superseded > 0 OR later.out_of_turn)
ORDER BY later.load_id
