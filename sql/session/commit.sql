-- Makes the transaction's work visible to everyone, all at once.
COMMIT
