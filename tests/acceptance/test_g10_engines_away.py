"""G10 as clients meet it: an engine that hangs, neither answering nor ending."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import psutil

from tests.support.gated_provider import (
    CHARGE_MC,
    GATE,
    GatedProvider,
    running_beside,
    running_provider,
)
from tests.support.live_books import Books, open_books
from tests.support.live_clients import Answer, ask, customer_of, question
from tests.support.live_family import alarms, frozen, postgres_mains, valkeys
from tests.support.stack import Customer
from tests.support.up import Up
from tests.support.waiting import until, until_answered

CALLS = 24
SETTINGS = {"TOLLGATE_WORKERS": "2"}


class Scene:
    """A stack, a customer whom both workers know, and what reaches the provider."""

    def __init__(
        self, up: Up, provider: GatedProvider, customer: Customer, session: aiohttp.ClientSession
    ) -> None:
        self.up = up
        self.provider = provider
        self.customer = customer
        self._session = session

    async def call(self, *, stream: bool = False, gate: str = "") -> Answer:
        """One call."""
        body = question(stream=stream, max_tokens=100)
        headers = {GATE: gate} if gate else {}
        return await ask(self._session, self.up.dev["base_url"], self.customer, body, headers)

    async def calls(self, count: int = CALLS) -> list[Answer]:
        """Many calls at once, every second one a stream."""
        return await asyncio.gather(*(self.call(stream=bool(n % 2)) for n in range(count)))

    async def status(self, path: str) -> int:
        """What a load balancer is told."""
        url = self.up.dev["base_url"].removesuffix("/v1") + path
        async with self._session.get(url) as answer:
            return answer.status


@asynccontextmanager
async def scene(state: Path) -> AsyncIterator[Scene]:
    """A scene in which some calls have been made."""
    connector = aiohttp.TCPConnector(limit=0, force_close=True)
    async with (
        running_provider() as provider,
        running_beside(provider, state, **SETTINGS) as up,
        aiohttp.ClientSession(connector=connector) as session,
    ):
        found = Scene(up, provider, customer_of(up, "10000"), session)
        assert all(answer.is_complete for answer in await found.calls())
        yield found
        assert alarms(up.said) == []


async def test_while_redis_hangs_calls_get_503_and_nothing_reaches_the_provider(
    state: Path,
) -> None:
    """G10: no free traffic; once Redis goes on, so do the calls, and nothing is left on hold."""
    async with scene(state) as at:
        before = Counter(at.provider.calls)
        with frozen(valkeys(at.up)):
            refused = await at.calls()
            assert {(one.status, one.error) for one in refused} == {(503, "credits_unavailable")}
            assert await at.status("/readyz") == 503
            assert await at.status("/healthz") == 200
            assert at.provider.calls == before

        async def is_ready() -> bool:
            return await at.status("/readyz") == 200

        await until_answered(is_ready, "ready again")
        served = await at.calls()
        assert {answer.charge_mc for answer in served} == {CHARGE_MC}
        async with open_books(at.up.dev) as books:
            await books.assert_agree()
            await books.assert_charged(served)
            for answer in refused:
                assert await charge_of(books, answer) in (None, 0)
            assert await available_mc(books, at.customer) == 10_000_000 - 2 * CALLS * CHARGE_MC


async def test_while_redis_hangs_no_answer_is_complete_and_its_charge_is_not_lost(
    state: Path,
) -> None:
    """G3, G10: what was under way is withheld, charged once, and listed for a refund."""
    async with scene(state) as at:
        under_way = [
            asyncio.create_task(at.call(stream=bool(n % 2), gate="later")) for n in range(CALLS)
        ]
        await until(lambda: at.provider.calls["later"] == CALLS, "all calls are under way")
        with frozen(valkeys(at.up)):
            at.provider.open("later")
            withheld = await asyncio.gather(*under_way)
        assert {answer.error for answer in withheld} == {"settlement_unavailable"}
        assert not any(answer.is_complete for answer in withheld)
        async with open_books(at.up.dev) as books:
            await until_answered(lambda: alerted(books, withheld), "each is listed for a refund")
            await books.assert_agree()
            assert {await charge_of(books, answer) for answer in withheld} == {CHARGE_MC}
            assert await available_mc(books, at.customer) == 10_000_000 - 2 * CALLS * CHARGE_MC


async def test_while_postgres_hangs_calls_go_on_and_are_written_later(state: Path) -> None:
    """G10: the stream keeps the records; no call waits for the ledger."""
    async with scene(state) as at, open_books(at.up.dev) as books:
        await books.wait_until_quiet()
        # The main process first, so that it starts no other while those that it has are found.
        mains = postgres_mains(at.up)
        with frozen(mains), frozen(children_of(mains)):
            served = await at.calls()
            assert {answer.charge_mc for answer in served} == {CHARGE_MC}
            assert await books.waiting_records() == CALLS
            assert await at.status("/readyz") == 200
        await books.assert_agree()
        await books.assert_charged(served)
        assert await available_mc(books, at.customer) == 10_000_000 - 2 * CALLS * CHARGE_MC


def children_of(mains: list[psutil.Process]) -> list[psutil.Process]:
    """All that processes have started."""
    return [child for main in mains for child in main.children(recursive=True)]


async def charge_of(books: Books, answer: Answer) -> int | None:
    """What is written for a call; None where it has left no trace."""
    query = "select sum(posted_mc)::bigint from usage_records where request_id::text = $1"
    charge_mc: int | None = await books.database.fetchval(query, answer.request_id)
    return charge_mc


async def alerted(books: Books, withheld: list[Answer]) -> bool:
    """Whether operators are told of these answers, each once, and of nothing else."""
    rows = await books.database.fetch("select kind, request_id::text, amount_mc from alerts")
    expected = [("undelivered", answer.request_id, CHARGE_MC) for answer in withheld]
    return sorted(map(tuple, rows)) == sorted(expected)


async def available_mc(books: Books, customer: Customer) -> int:
    """What the customer can spend."""
    return (await books.in_redis(customer.account_id))["available"]
