-- The chunk's records are validated.
DROP TABLE :"landed"
