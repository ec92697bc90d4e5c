-- The dataset: /*:title*/.
INSERT INTO datasets (dataset) VALUES ('/*:dataset*/') ON CONFLICT DO NOTHING -- noqa: PRS
