-- Audit: the total is far from that of the recent loads (amounts in cents, a month twice, half a file). Compared with their
-- median, which one odd load among them does not move, and only when there are enough of them to have a middle.
WITH recent AS (
    SELECT earlier.control_total
    FROM loads AS this
    INNER JOIN loads AS earlier
        ON this.dataset = earlier.dataset AND this.load_id <> earlier.load_id AND earlier.status = 'published'
    WHERE this.load_id = :load_id
    ORDER BY earlier.load_id DESC
    LIMIT 30
),

ranked AS (
    SELECT
        control_total,
        row_number() OVER (ORDER BY control_total) AS nth,
        count(*) OVER () AS loads
    FROM recent
),

middle AS (
    SELECT avg(control_total) AS median
    FROM ranked
    WHERE loads >= :total_min_loads AND 2 * nth BETWEEN loads AND loads + 2
)

SELECT
    'the total is ' || cast(this.control_total AS bigint) || ', the median of the recent loads ' || cast(middle.median AS bigint)
    || ': more than ' || :total_factor || ' times apart' AS finding
FROM loads AS this
CROSS JOIN middle
WHERE
    this.load_id = :load_id
    AND (
        abs(this.control_total) > abs(middle.median) * :total_factor
        OR abs(this.control_total) * :total_factor < abs(middle.median)
    )
