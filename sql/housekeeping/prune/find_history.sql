-- Versions of rows that were replaced before a day. Those that something older may still come for stay: an open load, or an open
-- reject of the same key, falls into its place among them.
CREATE TEMP TABLE prunable AS
SELECT -- noqa: LT09
    :"past_key",
    past.load_id,
    past.line_no,
    past.replaced_by_load_id
FROM :"history" AS past
WHERE
    past.replaced_by_load_id IN (
        SELECT replacing.load_id
        FROM loads AS replacing
        WHERE
            replacing.dataset = :dataset
            AND replacing.status = 'published'
            AND replacing.published_at < :before
            AND replacing.load_id < coalesce((
                SELECT min(waiting.load_id)
                FROM loads AS waiting
                WHERE waiting.dataset = :dataset AND waiting.status IN ('staging', 'staged', 'held')
            ), 9223372036854775807)
    )
    AND NOT EXISTS (
        SELECT 1
        FROM reject_states
        WHERE
            reject_states.record_key = concat_ws(' ', :"past_key")
            AND reject_states.dataset = :dataset
            AND reject_states.state IN ('open', 'mended')
            AND reject_states.load_id <= past.replaced_by_load_id
    )
