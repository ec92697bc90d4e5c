-- Records on the fast path go straight to where they are staged: PostgreSQL's types read what the patterns let through.
-- Twin: PostgreSQL has COPY, whose types read texts; SQLite inserts, and takes them apart itself.
COPY :"table" (:"columns") FROM STDIN (FORMAT csv /*:not_null*/)
