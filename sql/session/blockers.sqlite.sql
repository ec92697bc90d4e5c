-- Which file it is that others have locked: the operating system may say who. SQLite itself does not. And a number that changes
-- with every transaction that another connection commits.
-- Twin: a server knows its sessions; of SQLite's only the operating system knows.
SELECT
    files.file AS path,
    versions.data_version
FROM pragma_database_list AS files
CROSS JOIN pragma_data_version AS versions
WHERE files.name = 'main'
