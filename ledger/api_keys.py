"""Keys of accounts in Postgres: create, list, limit, revoke. Changes are numbered for Redis."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
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
from pricing.money import LARGEST_MC, credits_text

_QUERIES = load_queries("api_keys")


class KeyUnknownError(Exception):
    """Postgres knows no such key."""


class BadLimitError(ValueError):
    """A key's monthly limit cannot be taken; `reason` ends the sentence."""

    def __init__(self) -> None:
        self.reason = f"must be between {credits_text(1)} and {credits_text(LARGEST_MC)} credits"
        super().__init__(f"monthly limit {self.reason}")


class ApiKey(msgspec.Struct, frozen=True, kw_only=True):
    """A key as far as it may be shown.

    Months are those of UTC. What is spent is what is written by now, and the newest call too: both
    come a moment after the call.
    """

    key_id: str
    account_id: str
    name: str
    prefix: str
    created_at: datetime
    revoked_at: datetime | None
    monthly_limit_mc: int | None = None
    spent_this_month_mc: int = 0
    last_used_at: datetime | None = None


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

    async def create(
        self, account_id: str, name: str, *, monthly_limit_mc: int | None = None
    ) -> CreatedKey:
        """A new key. Redis hears of it by the account's next sync.

        Raises:
            AccountUnknownError, BadTextError, BadLimitError.
        """
        name = plain_text(name, "name", LONGEST_NAME)
        _check_limit(monthly_limit_mc)
        account_uuid = read_id(account_id, AccountUnknownError)
        text, key_id = generate_key(), new_id()
        values = (account_uuid, name, prefix_of(text), self._hasher.hash(text), monthly_limit_mc)
        async with transaction(self._pool) as connection:
            is_suspended = await _lock(connection, account_uuid)
            await connection.execute(_QUERIES["insert_key"], key_id, *values)
            created = await _read(connection, account_uuid, key_id)
            await _sync(connection, created, "suspended" if is_suspended else "active")
            if monthly_limit_mc is not None:
                await _sync_limit(connection, created)
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
            rows = await connection.fetch(_QUERIES["keys_of_account"], account_uuid, None)
        return [_key(row) for row in rows]

    async def has_limit(self, account_id: str, key_id: str) -> bool:
        """Whether an account's key may spend only so much in a month.

        Raises:
            AccountUnknownError, KeyUnknownError: these are no ids.
        """
        ids = read_id(account_id, AccountUnknownError), read_id(key_id, KeyUnknownError)
        async with acquired(self._pool) as connection:
            found: bool = await connection.fetchval(_QUERIES["key_has_limit"], *ids)
        return found

    async def set_monthly_limit(
        self, key_id: str, limit_mc: int | None, *, account_id: str | None = None
    ) -> ApiKey:
        """Sets what a key may spend in a month; None: as much as the account has.

        Redis hears of it by the account's next sync. Where `account_id` is given, a key of another
        account is unknown.

        Raises:
            KeyUnknownError, BadLimitError.
        """
        _check_limit(limit_mc)
        async with self._locked(key_id, account_id) as (connection, owner):
            is_new = await connection.fetchval(_QUERIES["set_limit"], key_id, limit_mc)
            limited = await _read(connection, owner, key_id)
            if is_new:
                await _sync_limit(connection, limited)
        return limited

    async def revoke(self, key_id: str, *, account_id: str | None = None) -> ApiKey:
        """Ends a key. Redis hears of it by the account's next sync. Revoked before: as it was.

        Where `account_id` is given, a key of another account is unknown.

        Raises:
            KeyUnknownError: there is none.
        """
        async with self._locked(key_id, account_id) as (connection, owner):
            is_new = await connection.fetchval(_QUERIES["revoke_key"], key_id)
            revoked = await _read(connection, owner, key_id)
            if is_new:
                await _sync(connection, revoked, "revoked")
        return revoked

    @asynccontextmanager
    async def _locked(
        self, key_id: str, account_id: str | None
    ) -> AsyncIterator[tuple[Connection, UUID]]:
        """A transaction that has the lock of the key's account, and that account."""
        key_uuid = read_id(key_id, KeyUnknownError)
        async with transaction(self._pool) as connection:
            owner = await connection.fetchval(_QUERIES["account_of_key"], key_uuid)
            if owner is None or account_id not in (None, str(owner)):
                raise KeyUnknownError(key_id)
            await _lock(connection, owner)
            yield connection, owner


def _check_limit(limit_mc: int | None) -> None:
    if limit_mc is not None and not 1 <= limit_mc <= LARGEST_MC:
        raise BadLimitError


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


async def _sync_limit(connection: Connection, api_key: ApiKey) -> None:
    await connection.execute(_QUERIES["sync_limit"], api_key.account_id, api_key.key_id)


async def _read(connection: Connection, account_id: UUID, key_id: str) -> ApiKey:
    return _key(await the_row(connection, _QUERIES["keys_of_account"], account_id, key_id))


def _key(row: asyncpg.Record) -> ApiKey:
    return ApiKey(
        key_id=str(row["id"]),
        account_id=str(row["account_id"]),
        name=row["name"],
        prefix=row["prefix"],
        created_at=row["created_at"],
        revoked_at=row["revoked_at"],
        monthly_limit_mc=row["monthly_limit_mc"],
        spent_this_month_mc=row["spent_mc"],
        last_used_at=row["last_at"],
    )
