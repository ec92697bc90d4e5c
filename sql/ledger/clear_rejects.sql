-- Rejects are validated again, some lines at once; those that still break a rule come back.
DELETE FROM rejects
WHERE load_id = :load_id AND line_no BETWEEN :first_line AND :last_line
