-- Sets one of the session's settings, on PostgreSQL until the transaction ends. Which ones, and why, stands in the dialect's
-- module. Neither database takes parameters here. Nothing may follow: Citus puts the next command there.
-- noqa: disable=PRS
/*:set*/ :"setting" = :"value"
