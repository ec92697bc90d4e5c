-- What is staged of no month that was expected goes to the rest.
ALTER TABLE :"staged" RENAME TO :"rest"
