-- Twin: on Citus nothing is placed chunk by chunk yet, for whether the rows of a chunk are lost would have to be asked of every
-- node: they are staged apart, and merged.
SELECT load_id FROM loads WHERE load_id = :load_id AND :records < :month_records AND FALSE
