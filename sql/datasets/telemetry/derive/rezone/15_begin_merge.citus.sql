-- Readers of telemetry see this merge whole, too.
SELECT begin_merge('telemetry')
