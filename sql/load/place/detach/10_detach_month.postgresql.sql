-- A staged month leaves the staging table, in the transaction that attaches it where it will stay.
ALTER TABLE :"staged" DETACH PARTITION :"month"
