"""The verbs of a hold in Redis: reserve, settle, renew, sweep. Each is one script."""

from collections.abc import Sequence
from typing import Literal

import msgspec

from ledger.errors import (
    AccountSuspendedError,
    BacklogFullError,
    KeyLimitReachedError,
    KeyRevokedError,
    NotEnoughCreditsError,
    ReservationClosedError,
)
from ledger.months import Month
from ledger.pipeline import Pipeline
from ledger.records import UsageRecord, encode_record
from ledger.redis_copy import RedisWorkingCopy
from ledger.redis_keys import AccountKeys, account_keys, partition_keys
from ledger.scripts import load_script

SettleOutcome = Literal["taken", "repeated", "late"]

_REFUSALS: dict[bytes, type[Exception]] = {
    b"key_revoked": KeyRevokedError,
    b"key_suspended": AccountSuspendedError,
    b"backlog": BacklogFullError,
    b"closed": ReservationClosedError,
}


class Settled(msgspec.Struct, frozen=True):
    """What a settlement found. `balance_mc` is None where Redis has lost the account."""

    outcome: SettleOutcome
    number: int
    balance_mc: int | None


class ReserveRequest(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be held: between `minimum_mc` and `maximum_mc`; what an orphan would cost."""

    account_id: str
    request_id: str
    key_id: str
    maximum_mc: int
    minimum_mc: int
    orphan: UsageRecord


class Holds:
    """Holds of all accounts, as a worker and the sweeper use them."""

    def __init__(
        self, pipeline: Pipeline, accounts: RedisWorkingCopy, *, ttl_s: float, max_unwritten: int
    ) -> None:
        self._pipeline = pipeline
        self._accounts = accounts
        self._ttl_ms = int(ttl_s * 1000)
        self._max_unwritten = max_unwritten
        self._reserve = load_script("reserve")
        self._settle = load_script("settle")
        self._renew = load_script("renew")
        self._sweep = load_script("sweep")

    async def reserve(self, request: ReserveRequest) -> int:
        """Holds credits; returns how much, in millicredits. Safe to call again.

        Raises:
            NotEnoughCreditsError: less than the minimum is available.
            KeyLimitReachedError: less than the minimum is left of the key's limit.
            KeyRevokedError: the key is not good any more.
            AccountSuspendedError: the account's calls are refused for now.
            BacklogFullError: too many records wait for the writer.
            ReservationClosedError: it was released before.
            RedisUnavailableError: no answer; a release must follow.
        """
        keys = account_keys(request.account_id)
        while True:
            reply = await self._try_reserve(keys, request)
            outcome = reply[0]
            if outcome == b"held":
                return int(reply[1])
            if outcome == b"no_account":
                await self._accounts.ensure(request.account_id)
            elif outcome == b"key_unknown":
                # Made a moment ago: its sync has not arrived.
                if not await self._accounts.learn_key(request.account_id, request.key_id):
                    raise KeyRevokedError
            else:
                raise _refusal(reply)

    async def _try_reserve(self, keys: AccountKeys, request: ReserveRequest) -> list[bytes]:
        reply: list[bytes] = await self._pipeline.run(
            self._reserve,
            (keys.account, keys.holds, keys.shared.deadlines, keys.shared.settlements),
            (
                request.account_id,
                request.request_id,
                request.key_id,
                request.maximum_mc,
                request.minimum_mc,
                self._ttl_ms,
                self._max_unwritten,
                request.orphan.charge_mc,
                encode_record(request.orphan),
            ),
        )
        return reply

    async def settle(self, record: UsageRecord, *, undelivered: bool = False) -> Settled:
        """Turns a hold into its charge. Repeated with the same record it changes nothing.

        Raises:
            RedisUnavailableError: no answer; must be called again.
        """
        keys = account_keys(record.account_id)
        outcome, number, balance = await self._pipeline.run(
            self._settle,
            _ending_keys(keys),
            (
                record.account_id,
                record.request_id,
                record.charge_mc,
                encode_record(record),
                "1" if undelivered else "0",
            ),
        )
        return Settled(outcome.decode(), int(number), int(balance) if balance else None)

    async def renew(self, partition: int, members: Sequence[str]) -> None:
        """Moves the deadlines of `<account id>/<request id>` members of one partition."""
        keys = partition_keys(partition)
        await self._pipeline.run(self._renew, (keys.deadlines,), (self._ttl_ms, *members))

    async def sweep(self, account_id: str, request_id: str) -> bool:
        """Settles a hold past its deadline by its orphan charge; whether it was one."""
        keys = account_keys(account_id)
        reply = await self._pipeline.run(self._sweep, _ending_keys(keys), (account_id, request_id))
        return bool(reply[0] == b"swept")


def _refusal(reply: Sequence[bytes]) -> Exception:
    """What a reply says that holds nothing."""
    outcome, *rest = reply
    if outcome == b"insufficient":
        return NotEnoughCreditsError(*(int(amount) for amount in rest))
    if outcome == b"key_limit":
        limit_mc, spent_mc, month, available_mc = (int(part) for part in rest)
        resets_at = Month(*divmod(month, 100)).end
        return KeyLimitReachedError(
            limit_mc, spent_mc, resets_at=resets_at, available_mc=available_mc
        )
    return _REFUSALS[outcome]()


def _ending_keys(keys: AccountKeys) -> tuple[str, ...]:
    shared = keys.shared
    return (
        keys.account,
        keys.holds,
        shared.deadlines,
        shared.settlements,
        shared.position,
        keys.rebuild,
    )
