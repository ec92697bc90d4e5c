-- The way back: what was replaced goes.
DROP TABLE IF EXISTS /*:table*/_history -- noqa: PRS
