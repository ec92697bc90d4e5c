-- only: placed
-- The way back: nobody reads it any more.
DROP VIEW IF EXISTS /*:table*/ -- noqa: PRS
