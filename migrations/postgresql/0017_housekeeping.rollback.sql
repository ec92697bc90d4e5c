DROP TABLE IF EXISTS reconciliations;
DROP TABLE IF EXISTS pruned_rejects;
DROP TABLE IF EXISTS pruned_history;
DROP TABLE IF EXISTS erased_names;
DROP TABLE IF EXISTS erased_salt;
