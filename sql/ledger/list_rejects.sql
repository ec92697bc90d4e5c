-- The quarantine, newest load first, in the order of the file. load_id 0 stands for every load.
SELECT
    rejects.load_id,
    loads.source,
    rejects.line_no,
    rejects.reasons,
    rejects.raw_record
FROM rejects
INNER JOIN loads ON rejects.load_id = loads.load_id
WHERE :load_id IN (0, rejects.load_id)
ORDER BY rejects.load_id DESC, rejects.line_no ASC
LIMIT :most
