"""The pretend provider, with all that reaches it kept."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web
from aiohttp.test_utils import TestServer
from aiohttp.typedefs import Handler

from deploy.local.pretend_provider.app import create_pretend_provider
from tests.support.odd_upstream import Seen
from tests.support.stack import COUNTER, PROVIDER_KEY


class WatchedProvider:
    """A running pretend provider, which accepts its one key only."""

    def __init__(self, url: str, requests: list[Seen]) -> None:
        self.url = url
        self.requests = requests


@asynccontextmanager
async def watched_provider() -> AsyncIterator[WatchedProvider]:
    """A pretend provider on a port of its own."""
    requests: list[Seen] = []

    @web.middleware
    async def keep(request: web.Request, handler: Handler) -> web.StreamResponse:
        requests.append(Seen(request.raw_path, list(request.headers.items()), await request.read()))
        return await handler(request)

    app = create_pretend_provider(COUNTER, api_key=PROVIDER_KEY)
    app.middlewares.insert(0, keep)
    async with TestServer(app) as server:
        yield WatchedProvider(str(server.make_url("/v1")), requests)
