-- Where a chunk's records arrive as they are: every field a text. fault names what is wrong with the record's structure.
-- Lines number themselves in the order they arrive, unless the reader numbers them.
-- Twin: a PostgreSQL table numbers lines by an identity, a SQLite one by its primary key; and PostgreSQL compares texts by
-- bytes only where COLLATE "C" says so, which SQLite does not know.
CREATE TEMP TABLE :"landed" (
    line_in_chunk integer PRIMARY KEY,
    fault text NOT NULL DEFAULT '',
    bill_date text NOT NULL,
    bill_id text NOT NULL,
    currency text NOT NULL,
    customer_name text NOT NULL,
    product1_revenue text NOT NULL,
    product2_revenue text NOT NULL
)
