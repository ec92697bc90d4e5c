-- Which are few or many of the stored rows: else PostgreSQL puts all of these into a hash table to find some.
ANALYZE kept(deliveries) -- noqa: LT01
