-- How what looks at a chunk's records is planned. Nobody has looked yet at what is staged, so each step is planned for a row or
-- two: then looking up what they refer to row by row seems cheap, where hashing is several times faster.
SET LOCAL enable_nestloop = off
