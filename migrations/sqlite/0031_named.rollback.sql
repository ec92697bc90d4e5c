ALTER TABLE receivers DROP COLUMN named_at;
