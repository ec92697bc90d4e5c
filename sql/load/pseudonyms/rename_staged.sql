-- Whose name was erased is delivered again: the pseudonym takes its place before anybody sees the row. Each name of the load is
-- digested once, however many rows carry it.
WITH renamed AS (
    SELECT
        names.name,
        erased_names.pseudonym
    FROM (SELECT DISTINCT :"column" AS name FROM :"table" WHERE load_id = :load_id) AS names
    CROSS JOIN erased_salt
    INNER JOIN erased_names ON erased_names.name_digest = text_digest(erased_salt.salt || names.name)
)

UPDATE :"table"
SET :"column" = renamed.pseudonym
FROM renamed
WHERE :"table".:"column" = renamed.name AND :"table".load_id = :load_id
