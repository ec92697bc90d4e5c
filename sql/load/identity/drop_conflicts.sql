-- They are known.
DROP TABLE conflicts
