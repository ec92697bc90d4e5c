-- Records in quarantine that nobody waits for: closed before a day; or of a load that was given up or taken back, and came before
-- it.
CREATE TEMP TABLE prunable AS
SELECT
    reject_states.load_id,
    reject_states.line_no,
    reject_states.state
FROM reject_states
INNER JOIN loads ON reject_states.load_id = loads.load_id
WHERE
    (reject_states.state IN ('mended', 'dismissed') AND reject_states.closed_at < :before)
    OR (reject_states.state IN ('discarded', 'reverted') AND loads.registered_at < :before)
