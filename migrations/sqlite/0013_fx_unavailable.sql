-- depends: 0009_bills_by_month

-- What a provider of exchange rates says that it does not have: remembered, so that it is not asked for it every night.
CREATE TABLE IF NOT EXISTS fx_unavailable (
    rate_date date NOT NULL CHECK (date(rate_date, '+0 days') = rate_date),
    currency text NOT NULL REFERENCES currencies (code) CHECK (currency <> 'USD'),
    provider text NOT NULL CHECK (provider <> ''),
    -- what it said: it has no rates of that day, or left the currency out of its answer; it does not accept the date; it does not
    -- know the currency, which then holds for every other day, too
    reason text NOT NULL CHECK (reason IN ('no_rates', 'left_out', 'date_refused', 'currency_unknown')),
    recorded_at utc_timestamp NOT NULL,
    PRIMARY KEY (rate_date, currency, provider)
) WITHOUT ROWID;
