ALTER TABLE loads DROP COLUMN byte_start;
ALTER TABLE loads DROP COLUMN stream;
