-- A receiver, and when it was named last.
INSERT INTO receivers (receiver, shown, named_at) VALUES (:receiver, :shown, :named_at)
ON CONFLICT (receiver) DO UPDATE SET named_at = excluded.named_at
