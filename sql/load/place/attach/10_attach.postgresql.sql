-- The month becomes a partition. Readers of the table go on meanwhile: they only must not be planned without it when its load is
-- published. A constraint says that its rows are of this month, which spares looking through them.
ALTER TABLE :"table" ATTACH PARTITION :"month" FOR VALUES FROM (:'first_day') TO (:'next_day')
