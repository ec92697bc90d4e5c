-- Audit: many records contradict another record of the file, with the same key and other values. Then the key does not tell them
-- apart (several lines a bill, say), and letting the last line win would lose the others. One pair in a small file is no reason,
-- unless it is most of it.
-- Asked when repeats have been looked for anyway, before anything is done about them: a file without repeats pays nothing.
SELECT
    count(*) || ' of ' || min(loads.read) || ' records contradict another record of the file, which has the same '
    || :key_names || ' and other values; the first of them is on line ' || min(repeats.line_no) AS finding
FROM loads
CROSS JOIN repeats
WHERE loads.load_id = :load_id AND repeats.contradicts
HAVING
    count(*) > min(loads.read) * :max_contradicting_share
    AND (count(*) > 2 OR 2 * count(*) > min(loads.read))
