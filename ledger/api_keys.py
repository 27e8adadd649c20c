"""Keys of accounts in Postgres: create, list, revoke. Each change is numbered for Redis."""

from datetime import datetime
from typing import Literal
from uuid import UUID

import asyncpg
import msgspec

from ledger.database import Connection, acquired, the_row, transaction
from ledger.errors import AccountUnknownError
from ledger.ids import new_id
from ledger.keys import KeyHasher, generate_key, prefix_of
from ledger.queries import load_queries
from ledger.texts import LONGEST_NAME, plain_text, read_id

_QUERIES = load_queries("api_keys")


class KeyUnknownError(Exception):
    """Postgres knows no such key."""


class ApiKey(msgspec.Struct, frozen=True, kw_only=True):
    """A key as far as it may be shown."""

    key_id: str
    account_id: str
    name: str
    prefix: str
    created_at: datetime
    revoked_at: datetime | None


class CreatedKey(msgspec.Struct, frozen=True):
    """A new key with its text, which is stored nowhere."""

    api_key: ApiKey
    text: str

    def __repr__(self) -> str:
        return f"CreatedKey({self.api_key.prefix}…)"


class ApiKeys:
    """The keys of a database. All methods raise DatabaseUnavailableError when it is away."""

    def __init__(self, pool: asyncpg.Pool, hasher: KeyHasher) -> None:
        self._pool = pool
        self._hasher = hasher

    async def create(self, account_id: str, name: str) -> CreatedKey:
        """A new key. Redis hears of it by the account's next sync.

        Raises:
            AccountUnknownError, BadTextError.
        """
        name = plain_text(name, "name", LONGEST_NAME)
        account_uuid = read_id(account_id, AccountUnknownError)
        text = generate_key()
        values = (new_id(), account_uuid, name, prefix_of(text), self._hasher.hash(text))
        async with transaction(self._pool) as connection:
            is_suspended = await _lock(connection, account_uuid)
            created = _key(await the_row(connection, _QUERIES["insert_key"], *values))
            await _sync(connection, created, "suspended" if is_suspended else "active")
        return CreatedKey(created, text)

    async def of_account(self, account_id: str) -> list[ApiKey]:
        """All keys of an account, newest first.

        Raises:
            AccountUnknownError: there is none.
        """
        account_uuid = read_id(account_id, AccountUnknownError)
        async with acquired(self._pool) as connection:
            if not await connection.fetchval(_QUERIES["account_exists"], account_uuid):
                raise AccountUnknownError(account_id)
            rows = await connection.fetch(_QUERIES["keys_of_account"], account_uuid)
        return [_key(row) for row in rows]

    async def revoke(self, key_id: str) -> ApiKey:
        """Ends a key. Redis hears of it by the account's next sync. Revoked before: as it was.

        Raises:
            KeyUnknownError: there is none.
        """
        key_uuid = read_id(key_id, KeyUnknownError)
        async with transaction(self._pool) as connection:
            account_uuid = await connection.fetchval(_QUERIES["account_of_key"], key_uuid)
            if account_uuid is None:
                raise KeyUnknownError(key_id)
            await _lock(connection, account_uuid)
            row = await connection.fetchrow(_QUERIES["revoke_key"], key_uuid)
            if row is None:
                return _key(await the_row(connection, _QUERIES["key"], key_uuid))
            revoked = _key(row)
            await _sync(connection, revoked, "revoked")
        return revoked


async def _lock(connection: Connection, account_id: UUID) -> bool:
    """Whether the account is suspended, until the transaction ends."""
    # Syncs of an account are numbered without gaps, in the order of their commits.
    row = await connection.fetchrow(_QUERIES["lock_account"], account_id)
    if row is None:
        raise AccountUnknownError(str(account_id))
    return bool(row["is_suspended"])


async def _sync(
    connection: Connection, api_key: ApiKey, state: Literal["active", "revoked", "suspended"]
) -> None:
    await connection.execute(
        _QUERIES["sync_key"], api_key.account_id, api_key.key_id, state, f"key {state}"
    )


def _key(row: asyncpg.Record) -> ApiKey:
    return ApiKey(
        key_id=str(row["id"]),
        account_id=str(row["account_id"]),
        name=row["name"],
        prefix=row["prefix"],
        created_at=row["created_at"],
        revoked_at=row["revoked_at"],
    )
