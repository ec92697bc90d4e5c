-- A load of a file that grows.
INSERT INTO load_streams (load_id, stream) VALUES (:load_id, :stream)
