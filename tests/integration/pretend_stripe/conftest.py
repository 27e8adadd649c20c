"""A pretend Stripe whose events arrive."""

from collections.abc import AsyncIterator

import pytest

from tests.support.pretend_stripe import Endpoint, PretendStripe, endpoint, pretend_stripe


@pytest.fixture
async def receiver() -> AsyncIterator[tuple[Endpoint, str]]:
    """An endpoint, and its URL."""
    async with endpoint() as receiver:
        yield receiver


@pytest.fixture
def hooks(receiver: tuple[Endpoint, str]) -> Endpoint:
    """The endpoint that the pretend Stripe tells."""
    return receiver[0]


@pytest.fixture
async def pretend(receiver: tuple[Endpoint, str]) -> AsyncIterator[PretendStripe]:
    """The pretend Stripe, with nothing in it."""
    async with pretend_stripe(webhook_url=receiver[1]) as running:
        yield running
