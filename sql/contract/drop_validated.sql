-- The chunk's records are staged or rejected.
DROP TABLE :"validated"
