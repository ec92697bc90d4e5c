-- The first statement of a snapshot that reads a partitioned table: no partition is exchanged in until it ends. A snapshot that
-- is older than the publishing of a load could see its partitions all the same, for they were staged before. Locking takes no
-- snapshot, so the snapshot is taken after it.
-- Twin: only PostgreSQL exchanges months, and only it has table locks.
LOCK TABLE :"table" IN ACCESS SHARE MODE
