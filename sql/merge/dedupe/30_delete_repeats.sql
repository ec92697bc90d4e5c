-- From here on a key stands once in the staging area.
DELETE FROM :"staged"
WHERE line_no IN (SELECT repeats.line_no FROM repeats WHERE repeats.bucket IS NOT NULL)
