"""SQL statements by name, out of `billing/sql/*.sql`."""

from functools import cache

from ledger.queries import Queries, read_queries


@cache
def load_queries(topic: str) -> Queries:
    """The statements of `billing/sql/<topic>.sql`."""
    return read_queries("billing", topic)
