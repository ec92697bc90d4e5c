-- Loads that are neither published nor discarded: they own a staging table.
SELECT load_id FROM loads WHERE status IN ('staging', 'staged', 'held') ORDER BY load_id
