-- Records on the fast path go straight to where they are staged: PostgreSQL's types read both date forms (session/10_day_first),
-- and bring amounts to eight places.
-- Twin: PostgreSQL has COPY, whose types read dates and amounts; SQLite inserts, and takes both apart itself.
COPY :"table" (:"columns") FROM STDIN (FORMAT csv)
