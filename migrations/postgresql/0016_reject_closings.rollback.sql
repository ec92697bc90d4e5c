DROP VIEW IF EXISTS reject_states;
DROP TABLE IF EXISTS reject_matches;
DROP TABLE IF EXISTS reject_closings;
