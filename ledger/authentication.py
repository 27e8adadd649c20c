"""From an API key to its account. Whose key it is never changes, so it may be remembered."""

import asyncio
from collections import OrderedDict
from typing import Any

import asyncpg
import msgspec

from ledger.database import DatabaseUnavailableError, acquired
from ledger.keys import KeyHasher
from ledger.pipeline import Pipeline
from ledger.queries import load_queries
from ledger.redis_keys import identity_key

MOST_REMEMBERED = 100_000
UNKNOWN_FOR_S = 1.0
LOOKUPS_AT_ONCE = 4
LOOKUPS_WAITING = 100
LONGEST_KEY = 256

_QUERIES = load_queries("working_copy")


class Identity(msgspec.Struct, frozen=True):
    """A key and the account it belongs to. `key_prefix` may be shown and logged."""

    account_id: str
    key_id: str
    key_prefix: str


class Authenticator:
    """Knows keys from memory, from Redis, and last from Postgres.

    Whether a key is still good is not known here: that is asked with each call, in Redis.
    """

    def __init__(self, hasher: KeyHasher, pipeline: Pipeline, pool: asyncpg.Pool) -> None:
        self._hasher = hasher
        self._pipeline = pipeline
        self._pool = pool
        self._known: OrderedDict[bytes, Identity] = OrderedDict()
        self._unknown: OrderedDict[bytes, float] = OrderedDict()
        self._looking_up: dict[bytes, asyncio.Task[Identity | None]] = {}
        self._lookups = asyncio.Semaphore(LOOKUPS_AT_ONCE)
        self._waiting = 0

    async def identify(self, key: str) -> Identity | None:
        """The owner of a key, or None where nobody has it.

        Raises:
            RedisUnavailableError, DatabaseUnavailableError: nobody can tell now.
        """
        if not key or len(key) > LONGEST_KEY:
            return None
        key_hash = self._hasher.hash(key)
        known = self._known.get(key_hash)
        if known is not None:
            return known
        if self._unknown.get(key_hash, 0) > asyncio.get_running_loop().time():
            return None
        # The calls that come at once with a new key share its lookup: the bound is for other keys.
        lookup = self._looking_up.get(key_hash)
        if lookup is None:
            lookup = asyncio.get_running_loop().create_task(self._look_up(key_hash))
            self._looking_up[key_hash] = lookup
            lookup.add_done_callback(lambda _: self._looking_up.pop(key_hash, None))
        return await asyncio.shield(lookup)

    async def _look_up(self, key_hash: bytes) -> Identity | None:
        name = identity_key(key_hash)
        stored = await self._pipeline.command("GET", name)
        if stored is not None:
            return self._remember(key_hash, msgspec.json.decode(stored, type=Identity))
        identity = await self._ask_postgres(key_hash)
        if identity is None:
            self._unknown[key_hash] = asyncio.get_running_loop().time() + UNKNOWN_FOR_S
            _bound(self._unknown)
            return None
        await self._pipeline.command("SET", name, msgspec.json.encode(identity))
        return self._remember(key_hash, identity)

    async def _ask_postgres(self, key_hash: bytes) -> Identity | None:
        if self._waiting >= LOOKUPS_WAITING:
            raise DatabaseUnavailableError("too many unknown keys at once")
        self._waiting += 1
        try:
            async with self._lookups, acquired(self._pool) as connection:
                row = await connection.fetchrow(_QUERIES["owner_of_key"], key_hash)
        finally:
            self._waiting -= 1
        if row is None:
            return None
        return Identity(str(row["account_id"]), str(row["id"]), row["prefix"])

    def _remember(self, key_hash: bytes, identity: Identity) -> Identity:
        self._known[key_hash] = identity
        _bound(self._known)
        return identity


def _bound(memory: OrderedDict[bytes, Any]) -> None:
    if len(memory) > MOST_REMEMBERED:
        memory.popitem(last=False)
