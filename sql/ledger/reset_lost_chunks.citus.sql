-- Staged rows are logged on Citus, so that no crash takes them from one node; but a backup may leave them out, or a person
-- delete them. A chunk whose rows are not all there is staged again, as on PostgreSQL. Rows that are
-- staged by months are not counted.
-- Twin: rows are counted on their nodes, before the ledger is changed, for no update can ask for both.
-- noqa: disable=AL04, RF02
WITH ranges AS MATERIALIZED (
    SELECT
        chunk_no,
        staged,
        first_line,
        lead(first_line, 1, 9223372036854775807) OVER (ORDER BY chunk_no) AS next_line
    FROM load_chunks
    WHERE
        load_id = :load_id
        AND EXISTS (
            SELECT 1 FROM pg_class WHERE pg_class.oid = to_regclass(quote_ident(:staged)) AND pg_class.relkind = 'r'
        )
),

-- once, for all rows are read
found AS MATERIALIZED (
    SELECT count(*) AS records FROM :"staged"
),

complete AS MATERIALIZED (
    SELECT ranges.chunk_no
    FROM ranges
    INNER JOIN :"staged" AS staged ON ranges.first_line <= staged.line_no AND ranges.next_line > staged.line_no
    WHERE (SELECT found.records FROM found) <> (SELECT sum(ranges.staged) FROM ranges)
    GROUP BY ranges.chunk_no, ranges.staged
    HAVING count(*) = ranges.staged
),

lost AS MATERIALIZED (
    SELECT ranges.chunk_no
    FROM ranges
    WHERE
        ranges.staged > 0
        AND (SELECT found.records FROM found) <> (SELECT sum(ranges.staged) FROM ranges)
        AND ranges.chunk_no NOT IN (SELECT complete.chunk_no FROM complete)
)

UPDATE load_chunks
SET read = NULL, staged = NULL, rejected = NULL
WHERE load_id = :load_id AND chunk_no IN (SELECT lost.chunk_no FROM lost)
RETURNING chunk_no
