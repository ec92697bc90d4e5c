-- What a database says of itself, and what time it is there.
SELECT
    server_version() AS version,
    server_encoding() AS encoding,
    server_zone() AS time_zone,
    server_clock() AS clock
