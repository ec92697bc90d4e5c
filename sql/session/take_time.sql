-- A rehearsal reads files within its transaction, which the server must not take for frozen meanwhile. SQLite, which has no such
-- setting, takes no notice.
/*:set*/ idle_in_transaction_session_timeout = '15min' -- noqa: PRS
