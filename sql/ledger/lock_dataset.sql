-- One publish of a dataset at a time.
SELECT dataset FROM datasets WHERE dataset = :dataset FOR UPDATE
