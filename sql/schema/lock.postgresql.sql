-- One migrator at a time. The lock belongs to the transaction and dies with it: one of the session would be left on a pooler's
-- session. The number only has to be our own.
-- Twin: SQLite has no lock that outlives a transaction: the operating system's is taken beside its file.
SELECT pg_advisory_xact_lock(7252719)
