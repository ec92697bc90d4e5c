-- Which file it is that another process has locked: the operating system may say who. SQLite itself does not.
-- Twin: a server knows its sessions; of SQLite's only the operating system knows.
SELECT file AS path FROM pragma_database_list WHERE name = 'main'
