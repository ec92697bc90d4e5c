-- A load that is not to be published any more, or staged once more from its start, leaves no row in its place.
DELETE FROM :"table"
WHERE load_id = :load_id
