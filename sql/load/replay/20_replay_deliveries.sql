-- The last delivery wins, in the order of the loads, whatever the order in which they are published: gather all deliveries of
-- a row (the current one, those in history, ours), put them in order, and read off what each did. One that brings the values
-- of the one before it repeats it. Any other is a new version: it replaced the version before it; the last one is current.
-- A run of equal values is told by two counts, among all deliveries and among the equal ones: their difference stays the same.
-- Only the last line of a load stands for it. Two of one load meet when one of them was in quarantine.
INSERT INTO deliveries
WITH replayed AS (
    SELECT -- noqa: LT09
        :"columns",
        line_no
    FROM changes
    WHERE replay
),

delivered AS (
    SELECT -- noqa: LT09
        :"columns",
        :load_id AS load_id,
        line_no,
        cast(NULL AS bigint) AS was_replaced_by_load_id
    FROM replayed
    UNION ALL
    SELECT -- noqa: LT09
        :"columns",
        load_id,
        line_no,
        cast(NULL AS bigint) AS was_replaced_by_load_id
    FROM :"table"
    WHERE (:"key") IN (SELECT :"key" FROM replayed) -- noqa: RF02
    UNION ALL
    SELECT -- noqa: LT09
        :"columns",
        load_id,
        line_no,
        replaced_by_load_id AS was_replaced_by_load_id
    FROM :"history"
    WHERE
        (:"key") IN (SELECT :"key" FROM replayed) -- noqa: RF02
        -- lines that lost within their own file do not stand for their load
        AND (replaced_by_load_id IS NULL OR replaced_by_load_id <> load_id)
),

lines AS (
    SELECT
        *,
        row_number() OVER (PARTITION BY :"key", load_id ORDER BY :"precedence" DESC, line_no DESC) > 1 AS lost,
        row_number() OVER (PARTITION BY :"columns", load_id ORDER BY line_no DESC) > 1 AS duplicate
    FROM delivered
),

ordered AS (
    SELECT
        *,
        row_number() OVER (PARTITION BY :"key" ORDER BY :"precedence", load_id, line_no) AS nth,
        row_number() OVER (PARTITION BY :"columns" ORDER BY load_id, line_no) AS nth_equal
    FROM lines
    WHERE NOT lost
),

versions AS (
    SELECT
        *,
        row_number() OVER (PARTITION BY :"columns", nth - nth_equal ORDER BY nth) > 1 AS repeats
    FROM ordered
),

replacements AS (
    SELECT
        *,
        CASE WHEN NOT repeats THEN lead(load_id) OVER (PARTITION BY :"key", repeats ORDER BY nth) END AS replaced_by_load_id
    FROM versions
)

SELECT -- noqa: LT09
    :"columns",
    load_id,
    line_no,
    replaced_by_load_id,
    was_replaced_by_load_id,
    NOT repeats AND replaced_by_load_id IS NULL AS is_current,
    repeats OR replaced_by_load_id IS NOT NULL AS is_past
FROM replacements
UNION ALL
SELECT -- noqa: LT09
    :"columns",
    load_id,
    line_no,
    load_id AS replaced_by_load_id,
    was_replaced_by_load_id,
    FALSE AS is_current,
    NOT duplicate AS is_past
FROM lines
WHERE lost
