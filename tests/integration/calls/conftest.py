"""A Tollgate in front of a pretend provider that keeps what reaches it."""

from collections.abc import AsyncIterator

import pytest

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
