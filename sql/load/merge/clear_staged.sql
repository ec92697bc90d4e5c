-- All of it is inserted.
DELETE FROM :"staged"
