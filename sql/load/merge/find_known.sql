-- How many staged keys are stored already. Counted, for whoever looks for any plans as if one were found soon.
SELECT count(*) AS known
FROM :"staged" AS staged
INNER JOIN :"table" AS stored ON (:"staged_key") = (:"stored_key")
