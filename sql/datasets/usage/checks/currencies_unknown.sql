-- title: Bills in no currency, or of the future
-- severity: critical
-- do: Nothing of the program lets such currencies in: find out who changed bills. Dates of the future: ask the source
-- runbook: currencies_unknown
-- The contract lets in only currencies that exist, so these bills were changed by somebody else; they can never be charged in
-- USD. And a bill of the day after tomorrow, or later, has a wrong date: that day's rates cannot be known. With amounts
-- of zero nothing is wrong any more: a key is never deleted.

SELECT
    'the currency is unknown' AS what,
    bill_date,
    currency,
    count(*) AS bills,
    min(bill_id) AS first_bill_id
FROM bills
WHERE bill_date >= :since AND currency NOT IN (SELECT currencies.code FROM currencies)
GROUP BY bill_date, currency
UNION ALL
SELECT
    'the date is in the future',
    bill_date,
    currency,
    count(*),
    min(bill_id)
FROM bills
WHERE
    bill_date > add_days(:today, 1)
    AND (product1_revenue <> '0.00000000' OR product2_revenue <> '0.00000000')
GROUP BY bill_date, currency
ORDER BY what, bill_date, currency
