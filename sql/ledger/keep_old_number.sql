-- A load has a new number: its old one leads there.
INSERT INTO renumbered_loads (old_load_id, load_id) VALUES (:old_load_id, :load_id)
