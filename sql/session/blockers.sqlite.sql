-- Which file it is that another process has locked: the operating system may say who. SQLite itself does not.
SELECT file AS path FROM pragma_database_list WHERE name = 'main'
