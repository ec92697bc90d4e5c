-- depends: 0002_usage

-- Exchange rates: what one US dollar was in other currencies, day by day, as a provider says it.
-- Exact decimals as text, with all the digits that were quoted and no zeros at the end, so that equal rates are equal texts.

INSERT INTO datasets (dataset) VALUES ('fx') ON CONFLICT DO NOTHING;

-- One row a day and currency: the rate that revenue is counted with.
CREATE TABLE IF NOT EXISTS fx_rates (
    rate_date date NOT NULL CHECK (date(rate_date, '+0 days') = rate_date),
    currency text NOT NULL REFERENCES currencies (code) CHECK (currency <> 'USD'),
    -- units of the currency for 1 USD. The weakest currencies are at some millions: what is beyond is a mistake
    rate decimal_text NOT NULL CHECK (
        rate GLOB '[0-9]*' AND rate GLOB '*[1-9]*' AND rate NOT GLOB '*[^0-9.]*' AND rate NOT GLOB '*.*.*'
        AND rate NOT GLOB '*.*0' AND instr(rate || '.', '.') <= 8
    ),
    -- USD for one unit: 1 / rate, to 20 places. Kept, because a division cannot be exact: this is where it is rounded, once, and
    -- what is counted with it adds up to the last digit
    inverse_rate decimal_text NOT NULL
    CHECK (inverse_rate GLOB '[0-9]*' AND inverse_rate GLOB '*[1-9]*' AND inverse_rate NOT GLOB '*[^0-9.]*'),
    provider text NOT NULL CHECK (provider <> ''),
    -- the provider's timestamp; null if its answer had none
    quoted_at utc_timestamp,
    fetched_at utc_timestamp NOT NULL,
    -- quoted before the day was over: to be replaced
    provisional boolean NOT NULL,
    -- the rate of a day is stored once; the date leads, because bills ask day by day
    PRIMARY KEY (rate_date, currency)
) WITHOUT ROWID;

-- Rates that were replaced (a provisional one by the final one, any by order of an operator), and rates that the provider quoted
-- later for a stored day, which are disputed: recorded, and not used.
CREATE TABLE IF NOT EXISTS fx_rates_history (
    rate_date date NOT NULL,
    currency text NOT NULL,
    rate decimal_text NOT NULL,
    provider text NOT NULL,
    quoted_at utc_timestamp,
    fetched_at utc_timestamp NOT NULL,
    provisional boolean NOT NULL,
    status text NOT NULL CHECK (status IN ('replaced', 'disputed')),
    -- when the quote that caused this row was fetched
    recorded_at utc_timestamp NOT NULL,
    -- one answer says one thing of a rate
    PRIMARY KEY (rate_date, currency, recorded_at)
) WITHOUT ROWID;
