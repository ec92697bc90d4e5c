-- Since when each check finds something: the results that no good one has come after, the first of them last.
SELECT
    check_name,
    checked_at
FROM check_results AS results
WHERE
    state IN ('warning', 'critical')
    AND NOT EXISTS (
        SELECT 1
        FROM check_results AS good
        WHERE good.check_name = results.check_name AND good.checked_at > results.checked_at AND good.state = 'ok'
    )
ORDER BY checked_at DESC
