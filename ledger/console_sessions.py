"""Sessions of the Credits page in Postgres: who is signed in stays so while Redis is away."""

import asyncpg
import msgspec

from ledger.database import acquired
from ledger.queries import load_queries

_QUERIES = load_queries("console_sessions")


class KeptSession(msgspec.Struct, frozen=True, kw_only=True):
    """Whose session it is. Without an account it is an operator's."""

    account_id: str | None
    key_id: str | None


class ConsoleSessions:
    """By hashes of their tokens. All methods raise DatabaseUnavailableError."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool

    async def add(self, token_hash: str, session: KeptSession, ttl_s: float) -> None:
        """Keeps a session until it ends by itself."""
        values = (token_hash, session.account_id, session.key_id, ttl_s)
        async with acquired(self._pool) as connection:
            await connection.execute(_QUERIES["insert_session"], *values)

    async def find(self, token_hash: str) -> KeptSession | None:
        """One that has not ended, by itself or with the key that it was opened by."""
        async with acquired(self._pool) as connection:
            row = await connection.fetchrow(_QUERIES["session"], token_hash)
        if row is None:
            return None
        return KeptSession(account_id=row["account_id"], key_id=row["key_id"])

    async def remove(self, token_hash: str) -> None:
        """Ends a session."""
        async with acquired(self._pool) as connection:
            await connection.execute(_QUERIES["delete_session"], token_hash)
