-- Whoever attached a partition keeps this lock until all others have been told of it.
LOCK TABLE :"table" IN SHARE UPDATE EXCLUSIVE MODE
