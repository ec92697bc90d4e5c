-- An attempt to tell a receiver begins, unless another is under way. No transaction is open while a message is sent, or on SQLite
-- whoever writes would wait. So an attempt that was killed stays; :over is one that was seen for longer than it takes.
UPDATE receivers SET attempt = :attempt
WHERE receiver = :receiver AND (attempt IS NULL OR attempt = :over)
RETURNING receiver
