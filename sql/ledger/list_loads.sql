-- The newest loads first.
SELECT * FROM loads ORDER BY load_id DESC LIMIT :most
