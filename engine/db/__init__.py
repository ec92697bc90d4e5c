"""Access to a database, whichever it is."""
