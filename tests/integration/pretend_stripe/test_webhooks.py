"""Events of the pretend Stripe: signed, retried, and as odd as a test wants them."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
import stripe

from deploy.local.pretend_stripe.signature import signature
from tests.support.pretend_stripe import (
    WEBHOOK_SECRET,
    Endpoint,
    PretendStripe,
    endpoint,
    pretend_stripe,
)
from tests.support.stripe_requests import checkout
from tests.support.waiting import until, until_answered

PAID = [
    "payment_intent.created",
    "charge.succeeded",
    "payment_intent.succeeded",
    "checkout.session.completed",
    "charge.updated",
]


async def pay(pretend: PretendStripe) -> str:
    """A paid session, whose five events are on their way."""
    made = await pretend.client.v1.checkout.sessions.create_async(checkout())
    await pretend.do(f"sessions/{made.id}/pay")
    return made.id


async def all_are(pretend: PretendStripe, state: str) -> None:
    """Wait until every event's delivery stands so."""

    async def look() -> bool:
        return {one["state"] for one in await pretend.events()} == {state}

    await until_answered(look, state)


def test_what_is_signed_is_verified_by_the_library() -> None:
    """Pretend Stripe: and nothing else is."""
    body = json.dumps({"id": "evt_1", "object": "event"}).encode()
    header = signature(body, WEBHOOK_SECRET, 1000)
    verify: Any = stripe.WebhookSignature.verify_header
    verify(body.decode(), header, WEBHOOK_SECRET)
    for changed in (body.replace(b"evt_1", b"evt_2"), body[:-1]):
        with pytest.raises(stripe.SignatureVerificationError):
            verify(changed.decode(), header, WEBHOOK_SECRET)
    with pytest.raises(stripe.SignatureVerificationError):
        verify(body.decode(), header, WEBHOOK_SECRET, tolerance=300)


async def test_an_event_that_is_refused_comes_again(
    pretend: PretendStripe, hooks: Endpoint
) -> None:
    """Pretend Stripe: until it is answered with 2xx; it is the same event."""
    hooks.answers += [500, 404, 301, 500, 500, 503]
    await pay(pretend)
    await hooks.wait_for(*PAID)
    assert hooks.refused == 6
    assert sorted(hooks.types) == sorted(PAID)
    await all_are(pretend, "delivered")
    assert sum(one["attempts"] for one in await pretend.events()) == 11


async def test_events_can_be_doubled(pretend: PretendStripe, hooks: Endpoint) -> None:
    """Pretend Stripe: the same event with the same id, several times at once."""
    await pretend.turn("webhooks", copies=3)
    await pay(pretend)
    await until(lambda: len(hooks.events) == 15, hooks.types)
    assert len({event["id"] for event in hooks.events}) == 5
    await all_are(pretend, "delivered")
    assert len(hooks.events) == 15


async def test_events_can_be_dropped_and_sent_later(
    pretend: PretendStripe, hooks: Endpoint
) -> None:
    """Pretend Stripe: by type, or all; in another order than they happened."""
    await pretend.turn("webhooks", drop=["charge.updated"])
    await pay(pretend)
    await hooks.wait_for(*PAID[:4])
    [dropped] = await pretend.events("charge.updated")
    assert (dropped["state"], dropped["attempts"]) == ("dropped", 0)
    await pretend.do("events/send")
    await hooks.wait_for("charge.updated")
    hooks.events.clear()

    await pretend.turn("webhooks", drop=["*"])
    await pay(pretend)
    assert (await pretend.do("events/send", order="newest_first"))["sending"]
    await hooks.wait_for(*PAID)
    assert hooks.types == PAID[::-1]


async def test_events_can_come_in_another_order(pretend: PretendStripe, hooks: Endpoint) -> None:
    """Pretend Stripe: those of one happening."""
    await pretend.turn("webhooks", order="newest_first")
    await pay(pretend)
    await hooks.wait_for(*PAID)
    assert hooks.types == PAID[::-1]
    hooks.events.clear()
    await pretend.turn("webhooks", order="random")
    await pay(pretend)
    await hooks.wait_for(*PAID)
    assert sorted(hooks.types) == sorted(PAID)


async def test_events_can_be_late(pretend: PretendStripe, hooks: Endpoint) -> None:
    """Pretend Stripe: the payment is there before anybody is told."""
    await pretend.turn("webhooks", delay_s=3600)
    session_id = await pay(pretend)
    found = await pretend.client.v1.checkout.sessions.retrieve_async(session_id)
    assert found.payment_status == "paid"
    assert {one["state"] for one in await pretend.events()} == {"pending"}
    assert hooks.events == []


async def test_one_event_can_be_sent_again(pretend: PretendStripe, hooks: Endpoint) -> None:
    """Pretend Stripe: whatever came of it before, twenty times if need be."""
    await pay(pretend)
    event = await hooks.wait_for("checkout.session.completed", "charge.updated")
    hooks.events.clear()
    await pretend.do("events/send", events=[event["id"]], copies=20)
    await until(lambda: len(hooks.events) == 20, hooks.types)
    assert {one["id"] for one in hooks.events} == {event["id"]}


async def test_a_wrong_knob_is_refused(pretend: PretendStripe) -> None:
    """Pretend Stripe: a misspelled one does not do nothing in silence."""
    for path, content in (
        ("webhooks", {"delay": 1}),
        ("webhooks", {"order": "sideways"}),
        ("off_session", {"outcome": "maybe"}),
        ("page", {"tax_percent": "19"}),
    ):
        async with pretend.session.put(f"{pretend.url}/pretend/{path}", json=content) as answer:
            assert answer.status == 400


async def test_everything_survives_a_restart(tmp_path: Path) -> None:
    """Pretend Stripe: objects, answers of keys, and what was not delivered yet."""
    state = tmp_path / "stripe.jsonl"
    options: Any = {"idempotency_key": "a"}
    async with pretend_stripe(webhook_url="http://127.0.0.1:1/", state=state) as first:
        made = await first.client.v1.checkout.sessions.create_async(checkout(), options)
        await first.do(f"sessions/{made.id}/pay")
        await asyncio.sleep(0)
    with state.open("ab") as file:
        file.write(b'[["charge","ch_cut"')  # a kill in the middle of a line
    async with endpoint() as (hooks, url), pretend_stripe(webhook_url=url, state=state) as second:
        await hooks.wait_for(*PAID)
        again = await second.client.v1.checkout.sessions.create_async(checkout(), options)
        assert again.id == made.id
        found = await second.client.v1.checkout.sessions.retrieve_async(made.id)
        assert found.payment_status == "paid"
        await all_are(second, "delivered")
    async with pretend_stripe(state=state) as third:
        assert {one["state"] for one in await third.events()} == {"delivered"}
