-- May we make tables, as each load does? This is taken back.
CREATE TABLE tried_by_doctor (migration_id text)
