-- title: Exchange rates that bills need
-- severity: critical
-- do: dbsvc fx --missing. Where the provider has none (column "unavailable"): correct the bill, or dbsvc fx --retry-unavailable
-- runbook: fx_rates_missing
-- Bills of these days and currencies have no rate, or a provisional one. Without a rate they are in no sum in USD. The column
-- "unavailable" is what the provider said when it was asked: it is not asked again, so correct a wrong currency or date.
WITH missing AS (
    SELECT
        bills.bill_date AS rate_date,
        bills.currency,
        count(*) AS bills,
        max(fx_rates.rate) AS provisional_rate
    FROM bills
    LEFT JOIN fx_rates ON bills.bill_date = fx_rates.rate_date AND bills.currency = fx_rates.currency
    WHERE
        bills.bill_date >= :since
        AND bills.bill_date < :today
        AND bills.currency <> 'USD'
        AND (fx_rates.rate IS NULL OR fx_rates.provisional)
    GROUP BY bills.bill_date, bills.currency
)

SELECT
    rate_date,
    currency,
    bills,
    provisional_rate,
    (
        SELECT min(lacking.reason)
        FROM fx_unavailable AS lacking
        WHERE
            lacking.currency = missing.currency
            AND (lacking.rate_date = missing.rate_date OR lacking.reason = 'currency_unknown')
    ) AS unavailable
FROM missing
ORDER BY rate_date, currency
