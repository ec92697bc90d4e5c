-- Published loads after one that brought what was there already: perhaps by that one.
SELECT
    later.load_id,
    later.source,
    later.unchanged + later.superseded AS records
FROM loads AS this
INNER JOIN loads AS later ON this.dataset = later.dataset AND this.load_id < later.load_id
WHERE this.load_id = :load_id AND later.status = 'published' AND later.unchanged + later.superseded > 0
ORDER BY later.load_id
