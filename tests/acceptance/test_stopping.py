"""SIGTERM and Ctrl-C under load: calls under way end or are settled, nothing is left behind."""

import asyncio
import signal
import socket
from collections import defaultdict
from pathlib import Path
from typing import Any

import aiohttp
import psutil

from tests.support.gated_provider import CHARGE_MC, GATE, running_beside, running_provider
from tests.support.live_books import Books, open_books
from tests.support.live_clients import Answer, Load, ask, customer_of, question
from tests.support.live_family import alarms, logged, workers
from tests.support.stack import Customer
from tests.support.up import Up
from tests.support.waiting import PATIENCE_S, until, until_answered

CONNECTIONS = 16
CLIENTS = 8
EACH = 6
# Calls under way may take as long as the test does to let them end.
LET_END = {"TOLLGATE_WORKERS": "2", "TOLLGATE_SHUTDOWN_TIMEOUT_S": str(PATIENCE_S)}


class Connection:
    """One connection, kept open: what is asked on it is asked of one worker."""

    def __init__(self, up: Up) -> None:
        self._base_url = up.dev["base_url"]
        self._sockets: list[socket.socket] = []
        connector = aiohttp.TCPConnector(limit=1, socket_factory=self._make)
        self.session = aiohttp.ClientSession(connector=connector)

    async def ready_status(self) -> int:
        """What its worker says of itself."""
        async with self.session.get(self._base_url.removesuffix("/v1") + "/readyz") as answer:
            return answer.status

    async def call(self, customer: Customer, *, gate: str = "", stream: bool = False) -> Answer:
        """One call."""
        body = question(stream=stream, max_tokens=100)
        return await ask(self.session, self._base_url, customer, body, {GATE: gate} if gate else {})

    def worker(self, up: Up) -> psutil.Process:
        """Who is at its other end."""
        [mine] = self._sockets
        port = mine.getsockname()[1]
        for worker in workers(up):
            if any(one.raddr and one.raddr.port == port for one in worker.net_connections("tcp")):
                return worker
        raise AssertionError("no worker has this connection")

    def _make(self, address: Any) -> socket.socket:
        family, kind, protocol, _, _ = address
        made = socket.socket(family, kind, protocol)
        made.setblocking(False)
        self._sockets.append(made)
        return made


async def test_a_worker_that_is_told_to_end_brings_its_calls_to_their_end(state: Path) -> None:
    """SIGTERM: not ready, no new calls, those under way are served; exit 0, nothing uncharged."""
    async with (
        running_provider() as provider,
        running_beside(provider, state, **LET_END) as up,
    ):
        customer = customer_of(up, "10000")
        load = Load(up.dev["base_url"], [customer])
        victim, [probe, *others] = await connections_of_one_worker(up)
        async with load.running(CLIENTS):
            await load.goes_on()
            under_way = [
                asyncio.create_task(one.call(customer, gate="later", stream=bool(n % 2)))
                for n, one in enumerate(others)
            ]
            await until(lambda: provider.calls["later"] == len(others), "all are under way")
            victim.terminate()

            async def is_closing() -> bool:
                return await probe.ready_status() == 503

            await until_answered(is_closing, "not ready")
            refused = await probe.call(customer)
            assert (refused.status, refused.error) == (503, "shutting_down")
            await load.goes_on()
            assert victim.is_running()
            provider.open("later")
            answers = await asyncio.gather(*under_way)
            await until(lambda: died_with(up, victim.pid), "it has ended")
            await until(lambda: len(workers(up)) == 2, "another takes its place")
            await load.goes_on()

        assert died_with(up, victim.pid) == [0]
        assert {answer.charge_mc for answer in answers} == {CHARGE_MC}
        assert load.strange == []
        async with open_books(up.dev) as books:
            await books.assert_agree()
            await books.assert_charged([*answers, *load.complete])
        assert alarms(up.said) == []
        for one in (probe, *others):
            await one.session.close()


async def test_ctrl_c_ends_or_cuts_what_is_under_way_and_charges_it(state: Path) -> None:
    """SIGINT: a cut stream says so and costs what was received; exit 0, no process is left."""
    settings = {"TOLLGATE_WORKERS": "2", "TOLLGATE_SHUTDOWN_TIMEOUT_S": "10"}
    async with running_provider() as provider, aiohttp.ClientSession() as session:
        async with running_beside(provider, state, **settings) as up:
            customer = customer_of(up, "10000")
            base_url = up.dev["base_url"]
            load = Load(base_url, [customer])
            asked = [(gate, stream) for gate in ("ends", "hangs") for stream in (True, False)]
            async with load.running(CLIENTS):
                await load.goes_on()
                under_way = {
                    (gate, stream): [
                        asyncio.create_task(
                            ask(session, base_url, customer, question(stream=stream), {GATE: gate})
                        )
                        for _ in range(EACH)
                    ]
                    for gate, stream in asked
                }
                await until(lambda: provider.calls["ends"] == 2 * EACH, "they are under way")
                await until(lambda: provider.calls["hangs"] == 2 * EACH, "they are under way")
                up.process.send_signal(signal.SIGINT)
                provider.open("ends")
                told = {kind: await asyncio.gather(*calls) for kind, calls in under_way.items()}
                assert await asyncio.to_thread(up.end) == 0
            assert up.has_left_nothing()
            said = up.said

        ended = [*told["ends", True], *told["ends", False]]
        assert {answer.charge_mc for answer in ended} == {CHARGE_MC}
        assert {(one.status, one.error) for one in told["hangs", True]} == {(200, "call_stopped")}
        assert {(one.status, one.error) for one in told["hangs", False]} == {(503, "call_stopped")}
        assert load.strange == []
        assert alarms(said) == []

        async with running_beside(provider, state, **settings) as up, open_books(up.dev) as books:
            await books.assert_agree()
            await books.assert_charged([*ended, *load.complete])
            for answer in told["hangs", True]:
                [(status, basis, charge_mc)] = await written(books, answer)
                assert (status, basis) == ("cut", "counted")
                assert 0 < charge_mc < CHARGE_MC
            for answer in told["hangs", False]:
                assert await written(books, answer) == [("failed", "none", 0)]


async def connections_of_one_worker(up: Up) -> tuple[psutil.Process, list[Connection]]:
    """A worker, and several connections to it."""
    found: dict[psutil.Process, list[Connection]] = defaultdict(list)
    for _ in range(CONNECTIONS):
        one = Connection(up)
        assert await one.ready_status() == 200
        found[one.worker(up)].append(one)
    chosen = max(found, key=lambda worker: len(found[worker]))
    for worker, unwanted in found.items():
        if worker != chosen:
            for one in unwanted:
                await one.session.close()
    return chosen, found[chosen]


def died_with(up: Up, pid: int) -> list[int]:
    """How a child has ended, as its parent tells."""
    return [line["status"] for line in logged(up.said, "died") if line["pid"] == pid]


async def written(books: Books, answer: Answer) -> list[tuple[str, str, int]]:
    """The rows of a call."""
    query = "select status, basis, posted_mc from usage_records where request_id::text = $1"
    return [tuple(row) for row in await books.database.fetch(query, answer.request_id)]
