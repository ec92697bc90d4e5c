-- Twin: SQLite logs every table, and has no words for it.
-- What is staged beside rows in place is logged as these are: what a crash takes is one thing, or nothing. A part of the stored
-- table has to be so, too, and making it so afterwards costs more than the staging.
ALTER TABLE :"staged" SET LOGGED
