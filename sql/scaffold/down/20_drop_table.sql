-- The way back: what stands goes, too.
DROP TABLE IF EXISTS /*:stored*/ -- noqa: PRS
