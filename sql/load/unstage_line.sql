-- A record of the fast path is to be validated after all.
DELETE FROM :"staged" WHERE load_id = :load_id AND line_no = :line_no
