-- They are in the way no more.
DELETE FROM :"table"
WHERE
    load_id = :others_load_id
    AND (:"key") IN (SELECT :"key" FROM :"staged") -- noqa: RF02
