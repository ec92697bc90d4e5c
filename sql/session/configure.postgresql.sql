-- Sets one of the session's settings. Which ones, and why, stands in the dialect's module.
SELECT set_config(:setting, :value, FALSE)
