"""G5 as clients meet it: kill -9 of every process in turn, under load, and of all at once."""

import os
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from tests.support.live_books import LowestBalance, open_books
from tests.support.live_clients import Load, customer_of
from tests.support.live_family import (
    alarms,
    kill_all,
    postgres_mains,
    valkeys,
    workers,
    writers,
)
from tests.support.up import Up, running_up
from tests.support.waiting import until

VICTIMS: dict[str, Callable[[Up], list[psutil.Process]]] = {
    "a worker": workers,
    "the writer": writers,
    "Valkey": valkeys,
    "Postgres": postgres_mains,
}
# More rounds take longer and meet rarer moments.
ROUNDS = int(os.environ.get("TOLLGATE_TEST_ROUNDS", "2"))
CLIENTS = 16
SETTINGS = {"TOLLGATE_WORKERS": "2", "TOLLGATE_RESERVATION_TTL_S": "3"}


@pytest.mark.timeout(300 + 60 * ROUNDS)
async def test_every_complete_answer_is_charged_once_whatever_is_killed(state: Path) -> None:
    """G5, with G3, G4 and G9: after restart all books agree with all that clients have seen."""
    with running_up(state, **SETTINGS) as up:
        customers = [customer_of(up, "100000") for _ in range(4)]
        account_ids = [customer.account_id for customer in customers]
        balance = LowestBalance(up.dev["redis_url"], account_ids)
        load = Load(up.dev["base_url"], customers)
        async with balance.watched(), load.running(CLIENTS):
            for _ in range(ROUNDS):
                for name, victims in VICTIMS.items():
                    await load.goes_on()
                    await kill_one(up, name, victims)
            await load.goes_on()
            kill_all(up)
        await until(up.has_left_nothing, "nothing outlives the parent")
        said = up.said

    with running_up(state, **SETTINGS) as up:
        load.base_url = up.dev["base_url"]
        async with load.running(CLIENTS):
            await load.goes_on()
        async with open_books(up.dev) as books:
            await books.assert_agree()
            await books.assert_charged(load.complete)
        assert up.stop() == 0
        said += up.said

    assert load.strange == []
    assert load.failures
    assert balance.looks > 0
    assert balance.lowest_mc is not None
    assert balance.lowest_mc >= 0
    assert alarms(said) == []


async def kill_one(up: Up, name: str, victims: Callable[[Up], list[psutil.Process]]) -> None:
    """Kills one process as a power failure would, and waits for the one that takes its place."""
    before = victims(up)
    before[0].kill()
    await until(
        lambda: len(victims(up)) == len(before) and before[0] not in victims(up),
        f"{name} is started again",
    )
