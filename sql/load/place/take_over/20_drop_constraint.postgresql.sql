-- The partition says by itself which month it is.
ALTER TABLE :"month" DROP CONSTRAINT only_its_month
