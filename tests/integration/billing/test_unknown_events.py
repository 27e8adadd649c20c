"""Events of Stripe that say nothing to us: taken, so that it goes on sending the others."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import pytest

from billing.errors import BadEventError
from tests.support.sales import Shop, open_shop
from tests.support.stripe_events import Body, encoded, event_of, signed


@pytest.fixture
async def shop(database_url: str, redis_url: str) -> AsyncIterator[Shop]:
    async with open_shop(database_url, redis_url) as opened:
        yield opened


def thin(event_type: str = "v2.core.event_destination.ping", **changes: Any) -> Body:
    """An event of Stripe's v2, which has no object in it."""
    event = event_of(event_type, {})
    return {
        "id": event["id"],
        "object": "v2.core.event",
        "type": event_type,
        "livemode": False,
        "created": "2026-11-29T06:20:52.246Z",
        "context": None,
        "related_object": {
            "id": "ed_test_61Destination",
            "type": "v2.core.event_destination",
            "url": "/v2/core/event_destinations/ed_test_61Destination",
        },
        "reason": None,
        **changes,
    }


def without(event: Body, *names: str) -> Body:
    return {name: value for name, value in event.items() if name not in names}


async def kept(shop: Shop, event: Body) -> list[Any]:
    rows = await shop.books.rows(
        "select event_type, created_at, payload ->> 'object' as object"
        " from stripe_events where id = $1",
        event["id"],
    )
    return [tuple(row) for row in rows]


async def test_a_thin_event_is_kept_once_and_does_nothing(shop: Shop) -> None:
    """Unknown types: 200, logged. A destination that gets only errors is switched off."""
    event = thin()
    received = [await shop.receive(event) for _ in range(2)]
    assert [one.is_new for one in received] == [True, False]
    created_at = datetime(2026, 11, 29, 6, 20, 52, 246_000, UTC)
    assert await kept(shop, event) == [(event["type"], created_at, "v2.core.event")]


@pytest.mark.parametrize(
    "event",
    [
        thin("v1.billing.meter.error_report_triggered", data={"reason": {"error_count": 1}}),
        without(thin(), "related_object", "reason", "context", "livemode", "created"),
        # What it is of was paid; a thin event does not say so, the sync finds it.
        thin("checkout.session.completed"),
        {**event_of("customer.created", {}), "object": "v3.event"},
        without(event_of("customer.created", {}), "data"),
        {**event_of("customer.created", {}), "data": {"object": [], "more": 1}},
        {**thin(), "id": "evt_of_somebody_connected", "context": "acct_1Connected"},
    ],
)
async def test_what_is_an_event_and_nothing_to_us_is_kept(shop: Shop, event: Body) -> None:
    """Only its names are read: nothing else of it can keep Stripe trying."""
    received = await shop.receive(event)
    assert (received.event_type, received.account_ids) == (event["type"], frozenset())
    assert len(await kept(shop, event)) == 1


@pytest.mark.parametrize(
    "body",
    [
        b"[]",
        b'"evt_1"',
        b"null",
        b"{}",
        b'{"object": "v2.core.event", "type": "ping"}',
        b'{"id": "evt_1", "object": "v2.core.event"}',
        b'{"id": "", "type": "ping"}',
        b'{"id": 1, "type": "ping"}',
        b'{"id": "evt_1", "type": ["ping"]}',
        b'{"id": "evt_1", "type": "ping", "created": "yesterday"}',
        b'{"id": "evt_1", "type": "ping", "created": 1e30}',
        b'{"id": "evt_' + b"1" * 300 + b'", "type": "ping"}',
        b"[" * 50_000 + b"]" * 50_000,
        b'{"id": "evt_1", "type": "ping"',
    ],
)
async def test_what_is_no_event_is_refused_whoever_has_signed_it(shop: Shop, body: bytes) -> None:
    """It has no name to be kept by; somebody has set up something wrong, and is to see it."""
    before = await shop.books.value("select count(*) from stripe_events")
    with pytest.raises(BadEventError):
        await shop.events.receive(body, signed(body))
    assert await shop.books.value("select count(*) from stripe_events") == before


async def test_a_thin_event_that_is_not_stripes_leaves_no_row(shop: Shop) -> None:
    """G11: forged, stale and cut are refused for these, too, and so is the other mode."""
    event = thin()
    body = encoded(event)
    for sent, header in (
        (body, signed(body, secret="whsec_another")),
        (body, signed(body, at_s=1)),
        (body[:-9], signed(body)),
        (body, None),
    ):
        with pytest.raises(BadEventError):
            await shop.events.receive(sent, header)
    with pytest.raises(BadEventError, match="mode"):
        await shop.receive({**event, "livemode": True})
    assert await kept(shop, event) == []


@pytest.mark.parametrize("event_type", ["checkout.session.completed", "account.updated"])
async def test_test_events_of_connected_accounts_do_not_fail_a_live_endpoint(
    database_url: str, redis_url: str, event_type: str
) -> None:
    """Stripe sends a platform's live endpoint both modes of whoever is connected."""
    async with open_shop(database_url, redis_url, is_live=True) as shop:
        customer, payment = await shop.sell()
        event = {**event_of(event_type, payment.session()), "account": "acct_1Connected"}
        assert (await shop.receive(event)).account_ids == frozenset()
        assert len(await kept(shop, event)) == 1
        assert await shop.entries(customer) == []


async def test_an_event_that_says_how_to_ask_for_more_is_still_ours(shop: Shop) -> None:
    """An organization's endpoint has each account's id as context, and no `account`."""
    customer, payment = await shop.sell()
    event = event_of("checkout.session.completed", payment.session())
    await shop.receive({**event, "context": "acct_1Ours"})
    assert await shop.books.balance_mc(customer) == 9_990_000
