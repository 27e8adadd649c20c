"""Billing on this worker's engines."""

from collections.abc import AsyncIterator

import pytest

from tests.support.books import Books, open_books
from tests.support.recharge_world import RechargeWorld, open_recharge_world


@pytest.fixture
async def books(database_url: str, redis_url: str) -> AsyncIterator[Books]:
    async with open_books(database_url, redis_url) as opened:
        yield opened


@pytest.fixture
async def world(books: Books) -> AsyncIterator[RechargeWorld]:
    async with open_recharge_world(books) as opened:
        yield opened
