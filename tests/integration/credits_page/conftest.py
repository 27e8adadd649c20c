"""The Credits page over HTTP, and somebody who visits it."""

from collections.abc import AsyncIterator

import pytest
from aiohttp.test_utils import TestServer

from tests.support.people import Desk, desk_app, open_desk
from tests.support.visitors import Guest


@pytest.fixture
async def desk(database_url: str, redis_url: str) -> AsyncIterator[Desk]:
    async with open_desk(database_url, redis_url) as opened:
        yield opened


@pytest.fixture
async def server(desk: Desk) -> AsyncIterator[TestServer]:
    async with TestServer(desk_app(desk)) as started:
        yield started


@pytest.fixture
async def guest(server: TestServer) -> AsyncIterator[Guest]:
    """Somebody who is not signed in yet."""
    one = Guest(server)
    yield one
    await one.client.session.close()
