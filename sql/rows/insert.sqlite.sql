-- Batch insert of values of any type, a row at a time inside one transaction.
INSERT INTO :"table" (:"columns") VALUES (:values)
