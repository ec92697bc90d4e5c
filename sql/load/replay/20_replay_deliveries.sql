-- The last delivery wins, in the order of the loads, whatever the order in which they are published: put all deliveries of a row
-- in order, and read off what each did. One that brings the values of the one before it repeats it. Any other is a new version:
-- it replaced the version before it; the last one is current. Those of a load that is taken back are neither.
-- A run of equal values is told by two counts, among all deliveries and among the equal ones: their difference stays the same.
-- Only the last line of a load stands for it. Two of one load meet when one of them was in quarantine. Lines that lost are put in
-- order by themselves, which is of no use, but then all is read once. Citus gathers what is read twice, and a union that is no
-- subquery.
INSERT INTO kept(deliveries) -- noqa: LT01
WITH lines AS (
    SELECT
        *,
        row_number() OVER (PARTITION BY :"key", load_id ORDER BY :"precedence" DESC, line_no DESC) > 1 AS lost,
        row_number() OVER (PARTITION BY :"columns", load_id ORDER BY line_no DESC) > 1 AS duplicate
    FROM delivered
    WHERE NOT gone
),

ordered AS (
    SELECT
        *,
        row_number() OVER (PARTITION BY :"key", lost ORDER BY :"precedence", load_id, line_no) AS nth,
        row_number() OVER (PARTITION BY :"columns", lost ORDER BY load_id, line_no) AS nth_equal
    FROM lines
),

versions AS (
    SELECT
        *,
        row_number() OVER (PARTITION BY :"columns", lost, nth - nth_equal ORDER BY nth) > 1 AS repeats
    FROM ordered
),

replacements AS (
    SELECT
        *,
        CASE
            WHEN lost THEN load_id
            WHEN NOT repeats THEN lead(load_id) OVER (PARTITION BY :"key", lost, repeats ORDER BY nth)
        END AS replaced_by_load_id
    FROM versions
)

SELECT *
FROM (
    SELECT -- noqa: LT09
        :"columns",
        load_id,
        line_no,
        replaced_by_load_id,
        was_replaced_by_load_id,
        NOT lost AND NOT repeats AND replaced_by_load_id IS NULL AS is_current,
        CASE WHEN lost THEN NOT duplicate ELSE repeats OR replaced_by_load_id IS NOT NULL END AS is_past,
        was_current
    FROM replacements
    UNION ALL
    SELECT -- noqa: LT09
        :"columns",
        load_id,
        line_no,
        NULL AS replaced_by_load_id,
        was_replaced_by_load_id,
        FALSE AS is_current,
        FALSE AS is_past,
        was_current
    FROM delivered
    WHERE gone
) AS replayed
