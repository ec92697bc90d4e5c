-- Compare what is staged with what is stored, and keep what makes a difference, with its bucket. A key that is not stored is
-- inserted. The same values leave the row unchanged (or are a duplicate, if a retried record of our own file comes after its
-- equal); other values update it, unless a later delivery came in the meantime (this load was held, or slow, or its record in
-- quarantine), in which case they were superseded before they came. replay: this record changes what is known of the row's past,
-- so its deliveries are put in order again.
-- Records that leave their row unchanged are most of a file that is delivered again. They are written down only while something
-- older may still come, which has to know of them; else they are what remains. Two things may come: an older load that is open,
-- and a reject of this key; leave_unchanged looks closer at the latter.
-- noqa: disable=RF01,RF03
/*:keep_changes*/
SELECT
    *,
    CASE
        WHEN is_new THEN 'inserted'
        WHEN same AND ours THEN 'duplicate'
        WHEN same THEN 'unchanged'
        WHEN newer THEN 'superseded'
        ELSE 'updated'
    END AS bucket,
    NOT is_new AND (NOT same OR newer OR ours) AS replay
FROM (
    SELECT -- noqa: LT09
        staged.line_no, -- noqa: RF01
        :"staged_columns",
        stored.load_id AS stored_load_id,
        stored.line_no AS stored_line_no,
        stored.load_id IS NULL AS is_new,
        (:"staged_values") IS NOT DISTINCT FROM (:"stored_values") AS same, -- noqa: PRS, LT02, RF01
        stored.load_id = :load_id AS ours,
        (stored.:"precedence", stored.load_id, stored.line_no) > (staged.:"precedence", :load_id, staged.line_no) AS newer
    FROM :"staged" AS staged
    LEFT JOIN :"table" AS stored ON (:"staged_key") = (:"stored_key")
) AS staged
WHERE
    is_new
    OR NOT same
    OR ours
    OR newer
    OR EXISTS (
        SELECT 1
        FROM loads
        WHERE loads.dataset = :dataset AND loads.status IN ('staging', 'staged', 'held') AND loads.load_id < :load_id
    )
    OR (
        -- mostly there is none, and no key is put together
        EXISTS (SELECT 1 FROM rejects WHERE rejects.record_key IS NOT NULL)
        -- asked once for all rows, where asking for each would read the rejects as often
        AND concat_ws(' ', :"staged_key") IN (
            SELECT rejects.record_key
            FROM rejects
            INNER JOIN loads ON rejects.load_id = loads.load_id
            WHERE
                loads.dataset = :dataset
                AND loads.status NOT IN ('discarded', 'reverted')
                AND rejects.load_id <= :load_id
                AND rejects.record_key IS NOT NULL
        )
    )
