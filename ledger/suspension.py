"""Suspends an account: its calls are refused, its keys may still look and buy."""

from ledger.database import Connection, the_row
from ledger.queries import load_queries

_QUERIES = load_queries("suspension")


async def set_suspended(connection: Connection, account_id: str, *, is_suspended: bool) -> bool:
    """Suspends an account or lets it call again, in the caller's transaction.

    Returns whether that is new: then, after the commit, the caller tells Redis.
    """
    # Syncs of an account are numbered without gaps, in the order of their commits.
    account = await the_row(connection, _QUERIES["lock_account"], account_id)
    if account["is_suspended"] == is_suspended:
        return False
    await connection.execute(_QUERIES["set_suspended"], account_id, is_suspended)
    await connection.execute(_QUERIES["sync_keys"], account_id)
    return True
