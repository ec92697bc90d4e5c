-- All that has no month of its own goes here.
ALTER TABLE :"staged" ATTACH PARTITION :"rest" DEFAULT
