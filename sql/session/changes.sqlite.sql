-- A number that changes with every transaction that another connection commits.
-- Twin: on PostgreSQL who waits for a lock is told whose it is.
SELECT data_version FROM pragma_data_version
