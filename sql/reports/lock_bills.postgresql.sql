-- The first statement of a snapshot that reads bills: no month is exchanged in until it ends. A snapshot that is older than the
-- publishing of a load could see its months all the same, for they were staged before. Locking takes no snapshot, so the
-- snapshot is taken after it.
LOCK TABLE bills IN ACCESS SHARE MODE
