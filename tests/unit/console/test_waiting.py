"""Nobody waits for a page longer than it says."""

import asyncio
from datetime import datetime
from time import monotonic

import pytest

from console import low_balance
from console.low_balance import LowBalanceThresholds
from console.page.parts import balance as balance_module
from console.page.parts.balance import BalancePart
from console.page.query import PageQuery
from console.page.visitor import Visitor
from console.waiting import within
from ledger.working_copy import WorkingBalance
from tests.support.waiting import PATIENCE_S

VISITOR = Visitor(account_id="01a2257c", way="link", token="a token")
LETTING_GO_S = 60.0


async def frozen() -> None:
    """What a database that does not answer looks like: letting go of it takes time, too."""
    try:
        await asyncio.sleep(60)
    finally:
        await asyncio.sleep(LETTING_GO_S)


class Frozen:
    """Settings and falls out of a frozen database, beside a Redis that answers."""

    async def get(self, _account_id: str) -> None:
        await frozen()

    async def since(self, _account_id: str) -> datetime | None:
        await frozen()
        return None

    async def balance(self, _account_id: str) -> WorkingBalance:
        return WorkingBalance(available_mc=1000, held_mc=0, unwritten_mc=0)


async def test_what_is_late_is_left_and_its_end_is_not_waited_for() -> None:
    """Else a page would come when the database has let go."""
    began = monotonic()
    with pytest.raises(TimeoutError):
        await within(0.01, frozen())
    assert monotonic() - began < LETTING_GO_S / 2


async def test_what_comes_in_time_is_given_and_what_fails_fails() -> None:
    """A result, an error."""
    assert await within(5, asyncio.sleep(0, "here")) == "here"

    async def failing() -> None:
        raise LookupError("away")

    with pytest.raises(LookupError, match="away"):
        await within(5, failing())


async def test_whoever_stops_waiting_stops_it() -> None:
    """Nothing is left that nobody asks for."""
    stopped = asyncio.Event()

    async def waiting() -> None:
        try:
            await asyncio.sleep(60)
        finally:
            stopped.set()

    task = asyncio.create_task(within(60, waiting()))
    await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await asyncio.wait_for(stopped.wait(), PATIENCE_S)


async def test_a_balance_does_not_wait_for_a_frozen_database(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Redis has it: the operator's threshold and an unknown fall will do."""
    monkeypatch.setattr(low_balance, "LONGEST_WAIT_S", 0.01)
    monkeypatch.setattr(balance_module, "LONGEST_WAIT_S", 0.01)
    redis_only = Frozen()
    thresholds = LowBalanceThresholds(redis_only, default_credits=500)  # type: ignore[arg-type]
    part = BalancePart(redis_only, thresholds, redis_only)  # type: ignore[arg-type]
    async with asyncio.timeout(LETTING_GO_S / 2):
        shown = await part.load(VISITOR, PageQuery({}))
    assert (shown["is_low"], shown["fall"]) == (True, None)
