-- Which currencies there are.
SELECT code FROM currencies
