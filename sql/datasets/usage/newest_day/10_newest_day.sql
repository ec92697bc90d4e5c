-- The newest day of bills, from which the checks look back. A day that has not come is no day to look back from: one bill with a
-- wrong year would hide all others.
SELECT max(bill_date) AS newest
FROM bills
WHERE bill_date <= current_date
