-- Opens a transaction, holding SQLite's one write lock from the start: a transaction that reads first and wants to write
-- later can only fail when another writer came in between, and waiting at the door is what a busy timeout can do.
BEGIN IMMEDIATE -- noqa: PRS
