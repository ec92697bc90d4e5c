-- One publish of a dataset at a time. Registering refers to the row, and goes on.
SELECT dataset FROM datasets WHERE dataset = :dataset /*:for_no_key_update*/
