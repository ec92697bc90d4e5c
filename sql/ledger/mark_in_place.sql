-- From now on rows of a load may lie in its dataset's table; they are not public yet.
UPDATE loads
SET in_place = TRUE, first_day = :first_day, last_day = :last_day
WHERE load_id = :load_id
