-- One migrator at a time. SQLite has no lock that outlives a transaction; this finds the file beside which the dialect takes
-- one from the operating system, which dies with its process as well.
-- Twin: SQLite has no lock that outlives a transaction: the operating system's is taken beside its file.
SELECT file AS path FROM pragma_database_list WHERE name = 'main'
