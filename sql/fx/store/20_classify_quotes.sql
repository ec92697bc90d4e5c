-- What becomes of a quote. A final rate is stored once, and stays: what is quoted otherwise later is disputed, unless an operator
-- says to accept it. A provisional rate is stored only if that is allowed, and gives way to a later one. What the provider
-- does not have is unavailable; before the day is final it may still come.
UPDATE quotes
SET outcome = CASE
    WHEN rate IS NULL AND NOT provisional THEN 'unavailable'
    WHEN rate IS NULL THEN 'not_final'
    ELSE coalesce(
        (
            SELECT
                CASE
                    WHEN stored.provisional AND NOT quotes.provisional THEN 'replaced'
                    WHEN stored.provisional AND NOT :allow_provisional THEN 'not_final'
                    WHEN stored.provisional AND quotes.quoted_at > stored.quoted_at THEN 'replaced'
                    WHEN quotes.provisional OR quotes.rate = stored.rate THEN 'unchanged'
                    WHEN :accept THEN 'replaced'
                    ELSE 'disputed'
                END
            FROM fx_rates AS stored
            WHERE stored.rate_date = quotes.rate_date AND stored.currency = quotes.currency
        ),
        CASE WHEN quotes.provisional AND NOT :allow_provisional THEN 'not_final' ELSE 'stored' END
    )
END
