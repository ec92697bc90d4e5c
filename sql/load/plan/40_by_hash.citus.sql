-- By hash.
SET LOCAL enable_mergejoin = off
