-- The planner must know how much is staged: guessing, it compares row by row.
ANALYZE :"staged"
