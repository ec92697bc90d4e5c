-- Takes back everything since begin.
ROLLBACK
