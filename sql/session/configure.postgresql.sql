-- Sets one of the session's settings until the transaction ends. Which ones, and why, stands in the dialect's module. SET takes
-- no parameters, and unlike set_config() it takes no snapshot, so that what must be locked before one can be.
SET LOCAL :"setting" = :"value"
