"""Clients that ask and do not read: their connections are given up, those of slow ones are not."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress

import pytest
from aiohttp import web

from proxy.runner import Runner
from proxy.slow_starters import SlowStarters
from tests.support.calls import until
from tests.support.raw_client import raw_connection

TIMEOUT_S = 0.6
SIZE = 20_000_000
REQUEST = b"GET / HTTP/1.1\r\nHost: a\r\n%b\r\n"


class Front:
    """A server whose every answer is larger than what machines keep unread."""

    def __init__(self) -> None:
        self.url = ""
        self.asked = 0
        self.server: web.Server
        self.slow_starters = SlowStarters(TIMEOUT_S)

    async def answer(self, request: web.Request) -> web.Response:
        assert request.transport is not None
        self.slow_starters.note(request)
        request.transport.set_write_buffer_limits(high=2**30)  # an answer is given away at once
        self.asked += 1
        return web.Response(body=b"x" * SIZE)


@pytest.fixture
async def front() -> AsyncIterator[Front]:
    """The server, looked after as a worker process does."""
    front = Front()
    app = web.Application()
    app.router.add_get("/", front.answer)
    runner = Runner(app, shutdown_timeout=0.1)
    await runner.setup()
    assert runner.server is not None
    front.server = runner.server
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    front.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    looking = asyncio.create_task(front.slow_starters.look(runner.server))
    yield front
    looking.cancel()
    await runner.cleanup()


@pytest.mark.parametrize("more", [b"", b"Connection: close\r\n"])
async def test_a_client_that_takes_nothing_is_given_up(front: Front, more: bytes) -> None:
    """Hostile clients: an answer that nobody takes is not kept for ever."""
    async with raw_connection(front.url, buffer_bytes=4096) as call:
        await call.send(REQUEST % more)
        await until(lambda: front.asked and not front.server.connections)
        received = 0
        with suppress(ConnectionError):
            while piece := await call.read():
                received += len(piece)
    assert received < SIZE


async def test_a_client_that_takes_its_time_is_served(front: Front) -> None:
    """A slow client that goes on taking gets all, however long that is."""
    async with raw_connection(front.url) as call:
        await call.send(REQUEST % b"")
        received = 0
        while received < SIZE:
            piece = await call.read()
            assert piece, f"cut off after {received} bytes"
            received += len(piece)
            await asyncio.sleep(0.005)
        assert len(front.server.connections) == 1
