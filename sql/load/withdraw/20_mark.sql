-- So it has nothing in place.
UPDATE loads
SET in_place = FALSE, first_day = NULL, last_day = NULL
WHERE load_id = :load_id
