-- A partition-to-be for a month without one.
CREATE TABLE :"month" (LIKE :"table" INCLUDING CONSTRAINTS)
