-- From here on a key stands once in the staging table.
DELETE FROM :"staged"
WHERE line_no IN (SELECT duplicates.line_no FROM duplicates WHERE duplicates.bucket IS NOT NULL)
