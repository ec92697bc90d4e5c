-- Classified, and stored or not.
DROP TABLE quotes
