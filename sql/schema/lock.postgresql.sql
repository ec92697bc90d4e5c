-- One migrator at a time. The lock belongs to the session and dies with it. The number only has to be our own.
SELECT pg_advisory_lock(7252719)
