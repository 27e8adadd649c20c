"""Every object that the pretend Stripe answers or tells is complete."""

from typing import Any

import pytest
import stripe

from tests.support.pretend_stripe import Endpoint, PretendStripe
from tests.support.stripe_objects import problems_of
from tests.support.stripe_requests import checkout, off_session, setup


async def make_everything(pretend: PretendStripe) -> None:
    """One of each kind, in each way that it can end."""
    sessions, intents = pretend.client.v1.checkout.sessions, pretend.client.v1.payment_intents
    customer = (await pretend.client.v1.customers.create_async({"name": "A"})).id
    paid = await sessions.create_async(checkout(customer=customer))
    await pretend.do(f"sessions/{paid.id}/decline")
    await pretend.do(f"sessions/{paid.id}/pay")
    for outcome in ("succeeded", "failed"):
        by_bank = await sessions.create_async(checkout(automatic_tax={"enabled": True}))
        await pretend.do(f"sessions/{by_bank.id}/pay_by_bank", outcome=outcome)
        await pretend.do(f"sessions/{by_bank.id}/settle")
    saved = await sessions.create_async(setup(customer=customer))
    await pretend.do(f"sessions/{saved.id}/pay")
    await sessions.expire_async((await sessions.create_async(checkout())).id)
    await intents.create_async(off_session(customer))
    waits = off_session(
        customer, payment_method="pm_card_authenticationRequired", off_session=False
    )
    intent = await intents.create_async(waits)
    assert intent.status == "requires_action"
    await intents.cancel_async(intent.id)
    with pytest.raises(stripe.CardError):
        await intents.create_async(off_session(customer, payment_method="pm_card_chargeDeclined"))
    refund = await pretend.do(f"payments/{paid.id}/refund", amount=100)
    await pretend.do(f"refunds/{refund['id']}/fail")
    for end in ("win", "lose"):
        dispute = await pretend.do(f"payments/{paid.id}/dispute")
        await pretend.do(f"disputes/{dispute['id']}/{end}")


async def test_every_event_is_complete(pretend: PretendStripe, hooks: Endpoint) -> None:
    """Pretend Stripe: each event and its object have all fields of the library's classes."""
    await make_everything(pretend)
    events = [one["event"] for one in await pretend.events()]
    assert {problem for event in events for problem in problems_of(event)} == set()
    objects = [event["data"]["object"] for event in events]
    assert {problem for one in objects for problem in problems_of(one)} == set()
    kinds = {"charge", "checkout.session", "customer", "dispute", "payment_intent"}
    assert {one["object"] for one in objects} >= kinds | {"refund", "setup_intent"}
    assert {type(stripe.Event.construct_from(event, "k")) for event in events} == {stripe.Event}


@pytest.mark.parametrize(
    ("path", "expand"),
    [
        ("checkout/sessions", ["line_items", "payment_intent", "customer", "setup_intent"]),
        ("payment_intents", ["latest_charge.balance_transaction", "payment_method", "customer"]),
        ("charges", ["refunds", "balance_transaction", "payment_intent.customer"]),
        ("refunds", ["charge.payment_intent", "balance_transaction"]),
        ("disputes", ["charge", "payment_intent"]),
        ("customers", []),
        ("setup_intents", ["payment_method", "customer"]),
    ],
)
async def test_every_answer_is_complete(
    pretend: PretendStripe, path: str, expand: list[str]
) -> None:
    """Pretend Stripe: also with other objects in the place of their ids."""
    await make_everything(pretend)
    query: list[tuple[str, str]] = [("expand[]", f"data.{one}") for one in expand]
    async with pretend.session.get(f"{pretend.url}/v1/{path}", params=query) as answer:
        assert answer.status == 200
        found: list[dict[str, Any]] = (await answer.json())["data"]
    assert found
    assert {problem for one in found for problem in problems_of(one)} == set()


def test_an_object_that_lacks_or_has_too_much_is_found() -> None:
    """The check's own test: missing, unknown, wrong words and wrong types."""
    found = problems_of({"object": "refund", "id": 1, "bogus": 1, "reason": "fun"})
    assert "refund.bogus: unknown" in found
    assert "refund.amount: missing" in found
    assert any(one.startswith("refund.id: must be str") for one in found)
    assert any(one.startswith("refund.reason: 'fun' is none of") for one in found)
