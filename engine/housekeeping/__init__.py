"""What keeps a database in order over the years: backups, rebuilding, pruning, erasing."""
