-- What was unavailable and has come now, from whichever provider. One that says something else of a currency than that
-- it does not know it, knows it.
DELETE FROM fx_unavailable
WHERE EXISTS (
    SELECT 1
    FROM quotes
    WHERE
        quotes.currency = fx_unavailable.currency
        AND (
            (quotes.rate_date = fx_unavailable.rate_date AND quotes.rate IS NOT NULL)
            OR (
                quotes.provider = fx_unavailable.provider
                AND fx_unavailable.reason = 'currency_unknown'
                AND quotes.reason IS DISTINCT FROM 'currency_unknown'
            )
        )
)
