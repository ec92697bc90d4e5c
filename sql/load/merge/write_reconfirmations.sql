-- An older load is still open, or an older reject may pass, else these are not written down. Should it be published after this
-- one, it must know that this load delivered these rows too, although they did not change.
INSERT INTO :"history" (:"columns", load_id, line_no, replaced_by_load_id)
SELECT -- noqa: LT09
    :"columns",
    :load_id,
    line_no,
    NULL
FROM changes
WHERE bucket = 'unchanged' AND NOT replay
