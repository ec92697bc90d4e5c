-- Sets one of the session's settings. Which ones, and why, stands in the dialect's module. A PRAGMA takes no parameters.
PRAGMA :"setting" = :"value"
