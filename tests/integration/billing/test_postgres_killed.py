"""Postgres dies while an event is handled: an error, no trace, and the retry credits once."""

import asyncio
import os
import signal
from pathlib import Path

import pytest

from billing.events import StripeEvents
from billing.handlers.handler import Handler
from billing.stripe_objects import Event
from billing.takings import Accounts, Takings
from deploy.local.postgres import LocalPostgres
from deploy.local.postgres_server import OWNER
from ledger.database import Connection, DatabaseUnavailableError
from ledger.migrate import migrate
from tests.support.engine_checks import StartEngine, wait_until_dead
from tests.support.engines import run_apart
from tests.support.sales import open_shop
from tests.support.stripe_events import event_of


@pytest.fixture
def postgres(engine_folder: Path, start_engine: StartEngine) -> LocalPostgres:
    """A PostgreSQL of this test's own, migrated."""
    engine = LocalPostgres(engine_folder)
    start_engine(engine)
    run_apart(migrate(engine.url(user=OWNER)))
    return engine


async def test_g11_postgres_killed_after_the_entries_and_before_the_commit(
    postgres: LocalPostgres, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """G11: event and credits are one transaction: neither is there, then both, once."""
    async with open_shop(postgres.url(), redis_url) as shop:
        customer, payment = await shop.sell()
        event = event_of("checkout.session.completed", payment.session())
        handle = StripeEvents._handle

        async def handle_and_lose(
            self: StripeEvents, connection: Connection, event: Event
        ) -> Accounts:
            accounts = await handle(self, connection, event)
            assert postgres.pid is not None
            os.kill(postgres.pid, signal.SIGKILL)
            await asyncio.to_thread(wait_until_dead, postgres)
            return accounts

        monkeypatch.setattr(StripeEvents, "_handle", handle_and_lose)
        with pytest.raises(DatabaseUnavailableError):
            await shop.receive(event)
        monkeypatch.undo()
        with pytest.raises(DatabaseUnavailableError):
            await shop.receive(event)
        postgres.start()
        assert await shop.books.value("select count(*) from stripe_events") == 0
        assert await shop.entries(customer) == []
        again = [await shop.receive(event) for _ in range(3)]
        assert [one.is_new for one in again] == [True, False, False]
        await shop.books.assert_at_rest(customer)
        assert await shop.books.balance_mc(customer) == 9_990_000


async def test_g11_a_handler_that_fails_leaves_no_trace_of_done(
    database_url: str, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """G11: what could not be handled is raised, so that it comes again."""

    async def fail(_takings: Takings, _connection: Connection, _event: Event) -> Accounts:
        raise RuntimeError("out of luck")

    handlers: dict[str, list[Handler]] = {"checkout.session.completed": [fail]}
    async with open_shop(database_url, redis_url) as shop:
        customer, payment = await shop.sell()
        event = event_of("checkout.session.completed", payment.session())
        with monkeypatch.context() as patched:
            patched.setattr("billing.events.HANDLERS", handlers)
            with pytest.raises(RuntimeError, match="out of luck"):
                await shop.receive(event)
        assert (await shop.receive(event)).is_new
        assert await shop.books.balance_mc(customer) == 9_990_000
