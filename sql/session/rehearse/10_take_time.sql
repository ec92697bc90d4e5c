-- A rehearsal reads files within its transaction, which the server must not take for frozen meanwhile. SQLite, which has no such
-- setting, takes no notice. Nothing may follow: Citus puts the next command there, such as a savepoint.
-- noqa: disable=PRS
/*:set*/ idle_in_transaction_session_timeout = '15min'
