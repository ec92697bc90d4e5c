-- The staging area of one load: good records, typed and normalised. Unlogged, because it can be made again from the file;
-- without keys, because an index costs more to maintain than the copy itself; unvacuumed, because dropping it would wait for
-- the vacuum to be cancelled.
CREATE UNLOGGED TABLE :"staged" (
    chunk_no integer NOT NULL,
    line_no bigint NOT NULL,
    bill_date date NOT NULL,
    bill_id bigint NOT NULL,
    customer_name text NOT NULL,
    currency text NOT NULL,
    product1_revenue numeric(23, 8) NOT NULL,
    product2_revenue numeric(23, 8) NOT NULL
) WITH (autovacuum_enabled = FALSE)
