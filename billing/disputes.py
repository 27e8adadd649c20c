"""Refuses an account's calls while a payment of it is in dispute, where operators want that."""

from billing.payments import OPEN
from billing.queries import load_queries
from ledger.database import Connection
from ledger.suspension import set_suspended

_QUERIES = load_queries("crediting")


class Disputes:
    """Judges accounts by their disputes; `refuse_calls` is the operator's wish."""

    def __init__(self, *, refuse_calls: bool) -> None:
        self._refuse_calls = refuse_calls

    async def judge(self, connection: Connection, account_id: str) -> bool:
        """Suspends the account's keys, or lets them again; whether that changed anything."""
        # Another dispute of the account may be judged at once: only under its lock both are seen.
        await connection.execute(_QUERIES["lock_account"], account_id)
        is_suspended = self._refuse_calls and await connection.fetchval(
            _QUERIES["has_open_dispute"], account_id, OPEN
        )
        return await set_suspended(connection, account_id, is_suspended=bool(is_suspended))

    async def to_judge(self, connection: Connection) -> list[str]:
        """Accounts that are suspended, or may have to be."""
        rows = await connection.fetch(_QUERIES["accounts_to_look_at"], OPEN)
        return [str(row["id"]) for row in rows]
