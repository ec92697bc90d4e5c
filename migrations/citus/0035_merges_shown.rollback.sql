-- Nothing is taken back: the views say what they said before, and refuse who would have been told something wrong.
SELECT 1 AS stays
