-- Registers a delivery.
INSERT INTO loads (load_id, dataset, source, sha256, bytes, header, rules)
VALUES (:load_id, :dataset, :source, :sha256, :bytes, :header, :rules)
