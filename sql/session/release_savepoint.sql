-- Keeps what was done since the savepoint.
RELEASE SAVEPOINT :"name" -- noqa: PRS
