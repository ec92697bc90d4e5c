-- As those of the rest, until the month has its key.
ALTER TABLE :"month" REPLICA IDENTITY FULL
