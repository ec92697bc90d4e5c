-- A later load may have delivered a key by repeating the values it found: such reconfirmations are in the history while this load
-- is open, and what comes before them updates nothing.
UPDATE kept(changes) -- noqa: PRS
SET bucket = 'superseded'
WHERE
    bucket = 'updated'
    AND line_no IN (
        SELECT staged.line_no
        FROM changes AS staged
        INNER JOIN :"history" AS stored ON (:"staged_key") = (:"stored_key")
        WHERE
            stored.replaced_by_load_id IS NULL
            AND (stored.:"precedence", stored.load_id, stored.line_no) > (staged.:"precedence", :load_id, staged.line_no)
    )
