-- An operator has looked at rows that somebody deleted or added by hand, and says that it may stay so: from now on the ledger
-- counts with it.
INSERT INTO reconciliations (table_name, difference, reason)
VALUES (:table_name, :difference, :reason)
