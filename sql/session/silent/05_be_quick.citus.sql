-- How long this connection waits for a node that does not answer.
SELECT set_config('citus.node_connection_timeout', :seconds, FALSE)
