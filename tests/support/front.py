"""A server for tests that treats its clients as a worker process does."""

import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web

from proxy.runner import Runner


@asynccontextmanager
async def serving(app: web.Application) -> AsyncIterator[str]:
    """The application on a port of its own; its URL.

    Unlike aiohttp's own test server it does not cancel a handler whose client has left.
    """
    runner = Runner(app, shutdown_timeout=1)
    await runner.setup()
    listener = socket.create_server(("127.0.0.1", 0))
    try:
        await web.SockSite(runner, listener, backlog=1024).start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        await runner.cleanup()
        listener.close()
