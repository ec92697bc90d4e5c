-- In order.
DROP TABLE delivered
