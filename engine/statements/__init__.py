"""SQL statements: loaded from files, checked, bound."""
