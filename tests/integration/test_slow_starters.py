"""Connections that bring no request are closed, those that do are kept."""

import asyncio

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from proxy.slow_starters import SlowStarters
from tests.support.waiting import PATIENCE_S


@pytest.fixture
async def port() -> int:
    slow_starters = SlowStarters(timeout_s=0.2)

    async def hello(request: web.Request) -> web.Response:
        slow_starters.note(request)
        return web.Response(text="hello")

    app = web.Application()
    app.router.add_get("/", hello)
    async with TestServer(app) as server:
        assert server.runner is not None
        assert server.runner.server is not None
        looking = asyncio.create_task(slow_starters.look(server.runner.server))
        yield server.port
        looking.cancel()


@pytest.mark.parametrize("bytes_sent", [b"", b"GET / HTTP/1.1\r\nHost: a\r\nX-Slow: "])
async def test_a_connection_without_a_whole_head_is_closed(port: int, bytes_sent: bytes) -> None:
    """Hostile clients: slow connections do not hold."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(bytes_sent)
    async with asyncio.timeout(PATIENCE_S):
        assert await reader.read() == b""
    writer.close()


async def test_a_connection_that_has_asked_once_is_kept(port: int) -> None:
    """A client between two calls is no slow starter."""
    idle_reader, idle_writer = await asyncio.open_connection("127.0.0.1", port)
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for _ in range(2):
        writer.write(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        async with asyncio.timeout(PATIENCE_S):
            assert (await reader.readuntil(b"hello")).startswith(b"HTTP/1.1 200")
            await idle_reader.read()  # closed: so the one that has asked was looked at too
    writer.close()
    idle_writer.close()
