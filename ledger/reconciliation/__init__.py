"""Whether the books agree: Redis with the ledger, the ledger with itself. Each check is a file."""
