-- Whether a reject of a load begins on a line.
SELECT line_no FROM rejects WHERE load_id = :load_id AND line_no = :line_no
