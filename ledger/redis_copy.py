"""The working copy of the balances in Redis: read, told of changes, rebuilt where it is lost."""

import asyncio
import uuid
from collections.abc import Sequence

import asyncpg

from ledger.database import acquired
from ledger.errors import AccountUnknownError
from ledger.ids import new_id
from ledger.pipeline import Pipeline, Reply
from ledger.queries import load_queries
from ledger.redis_keys import account_keys
from ledger.scripts import load_script
from ledger.working_copy import WorkingBalance

REBUILD_TTL_MS = 10_000
SYNCS_AT_ONCE = 1000
GOOD_STATES = (b"active", b"suspended")

_QUERIES = load_queries("working_copy")


class RedisWorkingCopy:
    """Balances and the state of keys in Redis; what it lacks comes from Postgres."""

    def __init__(self, pipeline: Pipeline, pool: asyncpg.Pool) -> None:
        self._pipeline = pipeline
        self._pool = pool
        self._rebuilds: dict[str, asyncio.Task[None]] = {}
        self._run_id = ""
        self._sync = load_script("sync")
        self._begin = load_script("rebuild_begin")
        self._finish = load_script("rebuild_finish")

    async def balance(self, account_id: str) -> WorkingBalance:
        """The account now; one that Redis has lost is rebuilt first.

        Raises:
            RedisUnavailableError: Redis does not answer.
            DatabaseUnavailableError: it has to be rebuilt, and Postgres does not answer.
            AccountUnknownError: there is no such account.
        """
        keys = account_keys(account_id)
        while True:
            available, held, unwritten = await self._pipeline.command(
                "HMGET", keys.account, "available", "held", "unwritten"
            )
            if available is not None:
                return WorkingBalance(int(available), int(held), int(unwritten))
            await self.ensure(account_id)

    async def key_is_active(self, account_id: str, key_id: str) -> bool:
        """Whether a key of an account is good, as of now, everywhere; raises as `balance` does.

        Keys of a suspended account are: they may look and buy, only calls are refused.
        """
        while True:
            there, state = await self._pipeline.command(
                "HMGET", account_keys(account_id).account, "sync", f"key:{key_id}"
            )
            if there is None:
                await self.ensure(account_id)
            elif state is None:
                return await self.learn_key(account_id, key_id)
            else:
                return state in GOOD_STATES

    async def learn_key(self, account_id: str, key_id: str) -> bool:
        """Fetches the state of a key that Redis has not heard of; whether it is good."""
        await self.apply_syncs(account_id)
        await self.ensure(account_id)
        state = await self._pipeline.command(
            "HGET", account_keys(account_id).account, f"key:{key_id}"
        )
        return state in GOOD_STATES

    async def apply_syncs(self, account_id: str) -> None:
        """Brings what Postgres has committed for the account to Redis, in order, each once."""
        while await self._apply_some(account_id) == SYNCS_AT_ONCE:
            pass  # there may be more

    async def apply_all_syncs(self) -> None:
        """Brings every account to Redis of which not all is known to be there.

        Of a Redis that is new here that is also what was told lately: a replica that took over may
        have missed it.

        Raises:
            RedisUnavailableError, DatabaseUnavailableError: to be tried again.
        """
        info = await self._pipeline.command("INFO", "server")
        is_new = info["run_id"] != self._run_id
        query = "accounts_synced_lately" if is_new else "accounts_with_unapplied_syncs"
        async with acquired(self._pool) as connection:
            rows = await connection.fetch(_QUERIES[query])
        for row in rows:
            await self.apply_syncs(str(row["id"]))
        self._run_id = info["run_id"]

    async def _apply_some(self, account_id: str) -> int:
        keys = account_keys(account_id)
        applied = await self._pipeline.command("HGET", keys.account, "sync")
        async with acquired(self._pool) as connection:
            if applied is None:
                # Not in Redis: it will be rebuilt with all that is committed by now.
                rows = []
                reached = await connection.fetchval(_QUERIES["last_sync_number"], account_id)
            else:
                rows = await connection.fetch(
                    _QUERIES["syncs_after"], account_id, int(applied), SYNCS_AT_ONCE
                )
                reached = rows[-1]["number"] if rows else int(applied)
            if rows or applied is None:
                last = await self._pipeline.run(
                    self._sync, (keys.account, keys.rebuild, keys.holds), _sync_arguments(rows)
                )
                # -1: as above; and a rebuild that had begun with less has to begin again.
                reached = reached if last == -1 else int(last)
            await connection.execute(_QUERIES["mark_applied"], account_id, reached)
        return len(rows)

    async def ensure(self, account_id: str) -> None:
        """Rebuilds an account that Redis has lost; calls at the same time share the work."""
        rebuild = self._rebuilds.get(account_id)
        if rebuild is None:
            rebuild = asyncio.get_running_loop().create_task(self._rebuild(account_id))
            self._rebuilds[account_id] = rebuild
            rebuild.add_done_callback(lambda _: self._rebuilds.pop(account_id, None))
        await asyncio.shield(rebuild)

    async def _rebuild(self, account_id: str) -> None:
        built = await self._try_rebuild(account_id)
        while not built:
            await asyncio.sleep(0.01)  # something of this account has just changed
            built = await self._try_rebuild(account_id)

    async def _try_rebuild(self, account_id: str) -> bool:
        draft = await self._begin_rebuild(account_id)
        return draft is None or await self._finish_rebuild(account_id, draft)

    async def _begin_rebuild(self, account_id: str) -> list[str | int] | None:
        """Sets the token and reads the ledger; None where the account is there."""
        keys = account_keys(account_id)
        token = new_id()
        begun = await self._pipeline.run(
            self._begin, (keys.account, keys.holds, keys.rebuild), (token, REBUILD_TTL_MS)
        )
        if begun[0] == b"there":
            return None
        filed = [name.decode() for name in begun[1::2]]
        return [token, account_id, *await self._read_ledger(account_id, filed)]

    async def _finish_rebuild(self, account_id: str, draft: list[str | int]) -> bool:
        """False where something of the account has changed since the token was set."""
        keys = account_keys(account_id)
        finished: Reply = await self._pipeline.run(
            self._finish,
            (keys.account, keys.holds, keys.rebuild, keys.shared.deadlines),
            draft,
        )
        return bool(finished != b"again")

    async def _read_ledger(self, account_id: str, request_ids: Sequence[str]) -> list[str | int]:
        """Balance, last sync number, keys and written settlements, all of one moment."""
        async with (
            acquired(self._pool) as connection,
            connection.transaction(isolation="repeatable_read", readonly=True),
        ):
            account = await connection.fetchrow(_QUERIES["account"], account_id)
            if account is None:
                raise AccountUnknownError(account_id)
            month = account["month"]
            api_keys = await connection.fetch(_QUERIES["keys"], account_id, month)
            written = await connection.fetch(
                _QUERIES["written_settlements"], [uuid.UUID(name) for name in request_ids]
            )
        arguments: list[str | int] = [account["balance_mc"], account["last_sync_number"]]
        arguments += [month, len(api_keys)]
        for key in api_keys:
            arguments += [str(key["id"]), key["key_state"]]
            arguments += [_text(key["monthly_limit_mc"]), _text(key["spent_mc"])]
        for settlement in written:
            arguments += [str(settlement["request_id"]), settlement["kind"]]
        return arguments


def _sync_arguments(rows: Sequence[asyncpg.Record]) -> list[str | int]:
    arguments: list[str | int] = []
    for row in rows:
        arguments += [row["number"], row["amount_mc"]]
        if row["counted_key_id"] is not None:
            # Redis has taken so much too little, or too much, of a call of this key.
            arguments += [str(row["counted_key_id"]), "", "", -row["amount_mc"], row["month"]]
        else:
            arguments += [_text(row["key_id"]), _text(row["key_state"])]
            arguments += [_text(row["limit_mc"]), _text(row["spent_mc"]), row["month"]]
    return arguments


def _text(value: object) -> str:
    return "" if value is None else str(value)
