-- They were looked for.
DROP TABLE wanted
