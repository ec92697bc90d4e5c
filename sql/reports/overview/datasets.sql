-- Each dataset: how many loads are published, when the newest was, how many are open, and since when.
SELECT
    datasets.dataset,
    count(CASE WHEN loads.status = 'published' THEN 1 END) AS published,
    count(CASE WHEN loads.status = 'held' THEN 1 END) AS held,
    count(CASE WHEN loads.status IN ('staging', 'staged') THEN 1 END) AS unfinished,
    max(CASE WHEN loads.status = 'published' THEN epoch_seconds(loads.published_at) END) AS newest,
    min(CASE WHEN loads.status IN ('staging', 'staged', 'held') THEN epoch_seconds(loads.registered_at) END) AS oldest_open
FROM datasets
LEFT JOIN loads ON datasets.dataset = loads.dataset
GROUP BY datasets.dataset
ORDER BY datasets.dataset
