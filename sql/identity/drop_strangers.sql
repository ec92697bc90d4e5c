-- They are known.
DROP TABLE strangers
