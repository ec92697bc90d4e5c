-- Results of checks from before a day; but for the one since which a check finds what it still finds.
CREATE TEMP TABLE prunable AS
SELECT
    results.check_name,
    results.checked_at
FROM check_results AS results
WHERE
    results.checked_at < :before
    AND (
        results.state NOT IN ('warning', 'critical')
        OR EXISTS (
            SELECT 1
            FROM check_results AS good
            WHERE good.check_name = results.check_name AND good.checked_at > results.checked_at AND good.state = 'ok'
        )
        OR EXISTS (
            SELECT 1
            FROM check_results AS first
            WHERE
                first.check_name = results.check_name
                AND first.checked_at < results.checked_at
                AND first.state IN ('warning', 'critical')
                AND NOT EXISTS (
                    SELECT 1
                    FROM check_results AS good
                    WHERE good.check_name = first.check_name AND good.checked_at > first.checked_at AND good.state = 'ok'
                )
        )
    )
