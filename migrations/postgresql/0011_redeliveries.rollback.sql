DROP INDEX IF EXISTS rejects_record_key;
ALTER TABLE rejects DROP COLUMN IF EXISTS record_key;
