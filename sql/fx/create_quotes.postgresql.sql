-- What a provider answered waits here to be validated. Without a rate it is what the provider does not have, and the reason is what
-- it said. A file for each database, because their decimals and timestamps have other types.
CREATE TEMP TABLE quotes (
    rate_date date NOT NULL,
    currency text NOT NULL,
    rate numeric,
    inverse_rate numeric,
    provider text NOT NULL,
    quoted_at timestamptz,
    fetched_at timestamptz NOT NULL,
    provisional boolean NOT NULL,
    outcome text,
    reason text
)
