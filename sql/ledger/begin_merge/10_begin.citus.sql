-- Who may change rows of a dataset has one connection to each node, for each commits by itself; and raises the number that
-- readers on every node go by, if it has one.
SELECT begin_merge(:dataset)
