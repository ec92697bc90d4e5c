-- What was published of each dataset, by the day on which it was registered: records by bucket. How long loads took, and how many
-- records they read in that time, is of those that nobody released: those had waited for somebody.
SELECT
    dataset,
    cast(add_days(registered_at, 0) AS text) AS day,
    count(*) AS loads,
    cast(sum(read) AS bigint) AS read,
    cast(sum(inserted) AS bigint) AS inserted,
    cast(sum(updated) AS bigint) AS updated,
    cast(sum(unchanged) AS bigint) AS unchanged,
    cast(sum(duplicate) AS bigint) AS duplicate,
    cast(sum(superseded) AS bigint) AS superseded,
    cast(sum(rejected) AS bigint) AS rejected,
    cast(sum(CASE WHEN released THEN 0 ELSE read END) AS bigint) AS timed_records,
    cast(
        sum(CASE WHEN released THEN 0 ELSE epoch_seconds(published_at) - epoch_seconds(registered_at) END) AS bigint
    ) AS seconds
FROM loads
WHERE status = 'published' AND registered_at >= :since
GROUP BY dataset, add_days(registered_at, 0)
