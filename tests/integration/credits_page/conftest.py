"""The Credits page over HTTP, and somebody who visits it."""

from collections.abc import AsyncIterator

import pytest
from aiohttp.test_utils import TestServer

from tests.support.people import Desk, desk_app
from tests.support.visitors import Guest


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
