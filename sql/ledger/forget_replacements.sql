-- A load that is taken back replaced nothing, and nothing replaced it.
DELETE FROM replacements
WHERE load_id = :load_id OR replaced_by_load_id = :load_id
