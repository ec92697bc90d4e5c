-- depends: 0009_bills_by_month

-- Whose record a reject is, as a text, where that can be told: what is delivered of it from now on is remembered while the reject
-- may still pass. Rejects of before get it when they are judged again: `dbsvc rejects retry`.
ALTER TABLE rejects ADD COLUMN IF NOT EXISTS record_key text COLLATE "C";

-- "Is there a reject of this key?" is asked for each record that leaves its row unchanged, while there is any reject.
CREATE INDEX IF NOT EXISTS rejects_record_key ON rejects (record_key) WHERE record_key IS NOT NULL;
