-- Judged.
DROP TABLE quotes
