-- A receiver, when it is told of something for the first time.
INSERT INTO receivers (receiver, shown) VALUES (:receiver, :shown)
ON CONFLICT (receiver) DO NOTHING
