-- depends: 0002_usage

-- Exchange rates: what one US dollar was in other currencies, day by day, as a provider says it.
-- Exact decimals, with all the digits that were quoted.

INSERT INTO datasets (dataset) VALUES ('fx') ON CONFLICT DO NOTHING;

-- One row a day and currency: the rate that revenue is counted with.
CREATE TABLE IF NOT EXISTS fx_rates (
    rate_date date NOT NULL,
    currency text NOT NULL REFERENCES currencies (code) CHECK (currency <> 'USD'),
    -- units of the currency for 1 USD. The weakest currencies are at some millions: what is beyond is a mistake, or not a number
    rate numeric NOT NULL CHECK (rate > 0 AND rate < 10000000),
    -- USD for one unit: 1 / rate, to 20 places. Kept, because a division cannot be exact: this is where it is rounded, once, and
    -- what is counted with it adds up to the last digit
    inverse_rate numeric NOT NULL CHECK (abs(rate * inverse_rate - 1) < 0.000000000001),
    provider text NOT NULL CHECK (provider <> ''),
    -- the provider's timestamp; null if its answer had none
    quoted_at timestamptz,
    fetched_at timestamptz NOT NULL,
    -- quoted before the day was over: to be replaced
    provisional boolean NOT NULL,
    -- the rate of a day is stored once; the date leads, because bills ask day by day
    PRIMARY KEY (rate_date, currency)
);

-- Rates that were replaced (a provisional one by the final one, any by order of an operator), and rates that the provider quoted
-- later for a stored day, which are disputed: recorded, and not used.
CREATE TABLE IF NOT EXISTS fx_rates_history (
    rate_date date NOT NULL,
    currency text NOT NULL,
    rate numeric NOT NULL,
    provider text NOT NULL,
    quoted_at timestamptz,
    fetched_at timestamptz NOT NULL,
    provisional boolean NOT NULL,
    status text NOT NULL CHECK (status IN ('replaced', 'disputed')),
    -- when the quote that caused this row was fetched
    recorded_at timestamptz NOT NULL,
    -- one answer says one thing of a rate
    PRIMARY KEY (rate_date, currency, recorded_at)
);
