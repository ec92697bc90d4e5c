-- A pseudonym takes the place of a name.
UPDATE :"table"
SET :"column" = :pseudonym
WHERE :"column" = :name
