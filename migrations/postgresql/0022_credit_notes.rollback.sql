-- What is negative by now stays.
ALTER TABLE bills_stored ADD CONSTRAINT bills_product1_revenue_check CHECK (product1_revenue >= 0) NOT VALID;
ALTER TABLE bills_stored ADD CONSTRAINT bills_product2_revenue_check CHECK (product2_revenue >= 0) NOT VALID;
ALTER TABLE bills_history ADD CONSTRAINT bills_history_product1_revenue_check CHECK (product1_revenue >= 0) NOT VALID;
ALTER TABLE bills_history ADD CONSTRAINT bills_history_product2_revenue_check CHECK (product2_revenue >= 0) NOT VALID;
