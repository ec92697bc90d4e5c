-- How many rows stand by an earlier delivery again, or by a later one that had repeated it.
SELECT count(*) AS records
FROM deliveries
WHERE is_current AND (:"key") IN (SELECT :"key" FROM changes WHERE bucket = 'reverted') -- noqa: RF02
