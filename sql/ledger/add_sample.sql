-- How the days of a load are written.
INSERT INTO load_samples (load_id, days) VALUES (:load_id, :days)
