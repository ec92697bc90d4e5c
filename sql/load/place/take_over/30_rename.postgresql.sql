-- From now on it has a partition's name.
ALTER TABLE :"month" RENAME TO :"partition"
