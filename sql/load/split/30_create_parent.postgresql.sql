-- The staging table is made of its months, and of the rest.
CREATE TABLE :"staged" (LIKE :"rest") PARTITION BY RANGE (:"partition_by")
