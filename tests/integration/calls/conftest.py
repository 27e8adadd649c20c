"""A Tollgate in front of a pretend provider that keeps what reaches it."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping

import pytest
import uvloop

from tests.support.stack import Stack, open_stack
from tests.support.watched_provider import WatchedProvider, watched_provider


@pytest.fixture
async def provider() -> AsyncIterator[WatchedProvider]:
    """The provider behind `stack`."""
    async with watched_provider() as running:
        yield running


@pytest.fixture
async def stack(
    database_url: str, redis_url: str, provider: WatchedProvider
) -> AsyncIterator[Stack]:
    """A whole Tollgate in front of `provider`."""
    async with open_stack(database_url, redis_url, upstream_url=provider.url) as opened:
        yield opened


def pytest_asyncio_loop_factories() -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    """The event loop that worker processes run on: some of its habits differ from asyncio's."""
    return {"uvloop": uvloop.new_event_loop}
