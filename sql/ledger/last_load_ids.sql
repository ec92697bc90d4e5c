-- The numbers of the newest loads, for whoever names one that is not there.
SELECT load_id FROM loads ORDER BY load_id DESC LIMIT :most
