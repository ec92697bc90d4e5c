-- The keys that stand more than once in what is staged, which are few: looked for once, for all that is asked about them.
CREATE TEMP TABLE repeated AS
SELECT :"key"
FROM :"staged"
GROUP BY :"key"
HAVING count(*) > 1
