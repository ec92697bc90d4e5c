-- Validated.
DROP TABLE quotes
