-- Which rules a load's rejects broke, and how many records broke each combination.
SELECT
    reasons,
    count(*) AS records
FROM rejects
WHERE load_id = :load_id
GROUP BY reasons
ORDER BY records DESC, reasons ASC
