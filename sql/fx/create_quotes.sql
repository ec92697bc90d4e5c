-- What a provider answered waits here to be classified. Without a rate it is what the provider does not have, and the reason is
-- what it said.
CREATE TEMP TABLE quotes (
    rate_date date NOT NULL,
    currency text NOT NULL,
    rate decimal_type,
    inverse_rate decimal_type,
    provider text NOT NULL,
    quoted_at time_type,
    fetched_at time_type NOT NULL,
    provisional boolean NOT NULL,
    outcome text,
    reason text
)
