-- Insert, or replace by key. Of rows with one key the last to arrive wins, as if they had come one by one.
INSERT INTO :"table" (:"columns")
SELECT :"columns" -- noqa: LT09
FROM (
    SELECT -- noqa: LT09
        :"columns",
        row_number() OVER (PARTITION BY :"key" ORDER BY arrival DESC) AS nth_newest
    FROM :"incoming"
) AS newest
WHERE nth_newest = 1
ON CONFLICT (:"key") DO UPDATE SET :"assignments"
