DROP TABLE IF EXISTS renumbered_loads;
