-- The newest loads first: of a dataset, in a state, registered since a moment, of files whose name has a text in it. An empty
-- text stands for all. in_all counts them, however few are wanted.
SELECT
    *,
    count(*) OVER () AS in_all
FROM loads
WHERE
    :dataset IN ('', dataset)
    AND :status IN ('', status)
    AND registered_at >= :since
    AND (:name_part = '' OR replace(source, :name_part, '') <> source)
ORDER BY load_id DESC
LIMIT :most
