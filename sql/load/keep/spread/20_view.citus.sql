-- Statements know it by a name that is the same for all datasets.
CREATE TEMP VIEW :"named" AS
SELECT * FROM :"kept"
