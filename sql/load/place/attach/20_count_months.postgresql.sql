-- It is one more: plans of before lack it.
UPDATE datasets SET months = months + 1 WHERE dataset = :dataset
