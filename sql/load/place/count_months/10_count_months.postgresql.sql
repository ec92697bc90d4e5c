-- Months were attached: plans of before lack them.
UPDATE datasets SET months = months + 1 WHERE dataset = :dataset
