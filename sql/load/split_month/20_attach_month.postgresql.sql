-- From here on the month's records go there.
ALTER TABLE :"staged" ATTACH PARTITION :"month" FOR VALUES FROM (:'first_day') TO (:'next_day')
