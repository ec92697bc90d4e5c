-- The staging area of one load: good records, normalised. Amounts are text here (see the migration of bills).
CREATE TABLE :"staged" (
    chunk_no integer NOT NULL,
    line_no integer NOT NULL,
    bill_date text NOT NULL,
    bill_id integer NOT NULL,
    customer_name text NOT NULL,
    currency text NOT NULL,
    product1_revenue text NOT NULL,
    product2_revenue text NOT NULL
)
