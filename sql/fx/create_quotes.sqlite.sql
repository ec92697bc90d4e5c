-- What a provider answered waits here to be validated. Without a rate it is what the provider does not have, and the reason is what
-- it said. A file for each database, because their decimals and timestamps have other types.
CREATE TEMP TABLE quotes (
    rate_date date NOT NULL,
    currency text NOT NULL,
    rate decimal_text,
    inverse_rate decimal_text,
    provider text NOT NULL,
    quoted_at utc_timestamp,
    fetched_at utc_timestamp NOT NULL,
    provisional boolean NOT NULL,
    outcome text,
    reason text
)
