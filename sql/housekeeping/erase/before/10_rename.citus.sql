-- A pseudonym takes the place of a name in what rows were before their last merge, too.
UPDATE :"table"
SET before = jsonb_set(before, ARRAY[:column_name], to_jsonb(cast(:pseudonym AS text)))
WHERE before ->> :column_name = :name
