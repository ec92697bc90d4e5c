-- What was read from an object of a store, if all of it is published: its bytes are known by its name and version, unread.
SELECT found.sha256
FROM loads AS found
INNER JOIN load_versions AS versions ON found.load_id = versions.load_id
WHERE
    found.dataset = :dataset
    AND found.source = :source
    AND versions.version = :version
    AND found.status = 'published'
ORDER BY found.load_id DESC
LIMIT 1
