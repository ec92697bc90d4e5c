-- Which rows of a derived table a batch is about: what derives them may drop the table that says so.
CREATE TEMP TABLE rebuilt AS
SELECT DISTINCT :"key" -- noqa: PRS
FROM :"batch"
