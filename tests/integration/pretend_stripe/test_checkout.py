"""Checkout Sessions of the pretend Stripe, through the real library and the page."""

import aiohttp
import pytest
import stripe
from stripe import StripeClient

from tests.support.pretend_stripe import Endpoint, PretendStripe
from tests.support.stripe_requests import CANCEL, RETURN, checkout, setup


@pytest.fixture
def client(pretend: PretendStripe) -> StripeClient:
    return pretend.client


async def press(
    pretend: PretendStripe, url: str | None, button: str, **fields: str
) -> tuple[int, str, str]:
    """Status, text and where to of a button on a page, as a browser without a key gets them."""
    assert url is not None
    async with (
        aiohttp.ClientSession() as visitor,
        visitor.post(url, data={"do": button, **fields}, allow_redirects=False) as answer,
    ):
        return answer.status, await answer.text(), answer.headers.get("Location", "")


async def test_a_session_is_as_it_was_asked_for(client: StripeClient) -> None:
    """Pretend Stripe: amounts are the sum of the lines; nothing is paid yet."""
    made = await client.v1.checkout.sessions.create_async(checkout())
    found = await client.v1.checkout.sessions.retrieve_async(made.id)
    assert (found.status, found.payment_status, found.amount_total) == ("open", "unpaid", 999)
    assert found.client_reference_id == "purchase-1"
    assert found.metadata is not None
    assert found.metadata["purchase"] == "1"
    assert found.expires_at == found.created + 24 * 3600
    assert found.payment_intent is None
    items = await client.v1.checkout.sessions.line_items.list_async(made.id)
    assert [(item.description, item.amount_total) for item in items.data] == [("Starter", 999)]


async def test_pay_comes_back_with_the_session_id_and_is_paid(
    pretend: PretendStripe, client: StripeClient, hooks: Endpoint
) -> None:
    """Pretend Stripe: what the page's Pay does, and what is told of it."""
    made = await client.v1.checkout.sessions.create_async(checkout())
    status, _, location = await press(pretend, made.url, "pay")
    assert (status, location) == (303, RETURN.replace("{CHECKOUT_SESSION_ID}", made.id))
    expand: list[str] = ["payment_intent.latest_charge"]
    found = await client.v1.checkout.sessions.retrieve_async(made.id, {"expand": expand})
    assert (found.status, found.payment_status, found.url) == ("complete", "paid", None)
    intent = found.payment_intent
    assert isinstance(intent, stripe.PaymentIntent)
    assert (intent.status, intent.amount_received) == ("succeeded", 999)
    assert intent.metadata["purchase"] == "1"
    charge = intent.latest_charge
    assert isinstance(charge, stripe.Charge)
    assert charge.receipt_url is not None
    completed = await hooks.wait_for("checkout.session.completed", "charge.updated")
    assert completed["api_version"] == stripe.api_version
    assert hooks.types == [
        "payment_intent.created",
        "charge.succeeded",
        "payment_intent.succeeded",
        "checkout.session.completed",
        "charge.updated",
    ]
    async with aiohttp.ClientSession() as visitor, visitor.get(charge.receipt_url) as receipt:
        text = await receipt.text()
    assert "Receipt for $9.99" in text
    assert "No money moves" in text


async def test_the_page_says_that_it_is_pretend_and_what_it_costs(
    client: StripeClient,
) -> None:
    """Pretend Stripe: nobody takes it for the real one."""
    made = await client.v1.checkout.sessions.create_async(checkout())
    async with aiohttp.ClientSession() as visitor, visitor.get(made.url or "") as page:
        text = await page.text()
    assert "No money moves" in text
    assert "$9.99" in text
    for button in ("Pay", "Decline", "Cancel"):
        assert f">{button}</button>" in text


async def test_a_declined_visitor_may_try_again(
    pretend: PretendStripe, client: StripeClient, hooks: Endpoint
) -> None:
    """Pretend Stripe: a decline keeps the session open; both tries have one intent."""
    made = await client.v1.checkout.sessions.create_async(checkout())
    status, text, _ = await press(pretend, made.url, "decline")
    assert status == 402
    assert "Your card was declined. Nothing was charged." in text
    failed = (await hooks.wait_for("payment_intent.payment_failed"))["data"]["object"]
    assert failed["last_payment_error"]["code"] == "card_declined"
    assert (await press(pretend, made.url, "pay"))[0] == 303
    found = await client.v1.checkout.sessions.retrieve_async(made.id)
    assert (found.payment_status, found.payment_intent) == ("paid", failed["id"])
    assert [intent.id for intent in (await client.v1.payment_intents.list_async()).data] == [
        failed["id"]
    ]


async def test_cancel_goes_back_and_changes_nothing(
    pretend: PretendStripe, client: StripeClient
) -> None:
    """Pretend Stripe: the session stays open."""
    made = await client.v1.checkout.sessions.create_async(checkout())
    assert await press(pretend, made.url, "cancel") == (303, "303: See Other", CANCEL)
    assert (await client.v1.checkout.sessions.retrieve_async(made.id)).status == "open"
    assert await pretend.events() == []


@pytest.mark.parametrize("end", ["paid", "expired"])
async def test_what_has_ended_cannot_be_paid(
    pretend: PretendStripe, client: StripeClient, end: str
) -> None:
    """Pretend Stripe: one payment for each session."""
    made = await client.v1.checkout.sessions.create_async(checkout())
    if end == "paid":
        await press(pretend, made.url, "pay")
    else:
        await client.v1.checkout.sessions.expire_async(made.id)
    before = len(await pretend.events())
    status, text, _ = await press(pretend, made.url, "pay")
    assert status == 200
    assert "complete" in text if end == "paid" else "expired" in text
    assert len(await pretend.events()) == before


async def test_a_session_expires_by_request_or_by_time(
    pretend: PretendStripe, client: StripeClient, hooks: Endpoint
) -> None:
    """Pretend Stripe: each tells it once; an expired one cannot expire."""
    first = await client.v1.checkout.sessions.create_async(checkout())
    second = await client.v1.checkout.sessions.create_async(checkout())
    await client.v1.checkout.sessions.expire_async(first.id)
    with pytest.raises(stripe.InvalidRequestError, match="Only Checkout Sessions with a status"):
        await client.v1.checkout.sessions.expire_async(first.id)
    await hooks.wait_for("checkout.session.expired")
    hooks.events.clear()
    pretend.clock.ahead_s = 24 * 3600 + 1
    event = await hooks.wait_for("checkout.session.expired")
    assert event["data"]["object"]["id"] == second.id
    assert event["data"]["object"]["status"] == "expired"


@pytest.mark.parametrize("outcome", ["succeeded", "failed"])
async def test_a_payment_by_bank_is_told_twice(
    pretend: PretendStripe, client: StripeClient, hooks: Endpoint, outcome: str
) -> None:
    """Pretend Stripe: completed but unpaid first; the bank's answer comes by itself."""
    await pretend.turn("page", bank_delay_s=0)
    made = await client.v1.checkout.sessions.create_async(checkout())
    assert (await press(pretend, made.url, f"bank_{outcome}"))[0] == 303
    await hooks.wait_for(f"checkout.session.async_payment_{outcome}", "checkout.session.completed")
    [completed] = [e for e in hooks.events if e["type"] == "checkout.session.completed"]
    assert completed["data"]["object"]["payment_status"] == "unpaid"
    found = await client.v1.checkout.sessions.retrieve_async(made.id)
    is_paid = outcome == "succeeded"
    assert found.payment_status == ("paid" if is_paid else "unpaid")
    assert ("payment_intent.succeeded" in hooks.types) is is_paid
    assert ("payment_intent.payment_failed" in hooks.types) is not is_paid


async def test_a_bank_can_be_made_to_answer(
    pretend: PretendStripe, client: StripeClient, hooks: Endpoint
) -> None:
    """Pretend Stripe: on demand, once, and with another outcome than was chosen."""
    await pretend.turn("page", bank_delay_s=3600)
    made = await client.v1.checkout.sessions.create_async(checkout())
    await pretend.do(f"sessions/{made.id}/pay_by_bank", outcome="succeeded")
    await pretend.do(f"sessions/{made.id}/settle", outcome="failed")
    await hooks.wait_for("checkout.session.async_payment_failed")
    async with pretend.session.post(f"{pretend.url}/pretend/sessions/{made.id}/settle") as again:
        assert again.status == 400


async def test_a_setup_session_saves_a_card(
    pretend: PretendStripe, client: StripeClient, hooks: Endpoint
) -> None:
    """Pretend Stripe: the card is the customer's afterwards; nothing is paid."""
    customer = await client.v1.customers.create_async({"email": "a@example.com"})
    made = await client.v1.checkout.sessions.create_async(
        setup(customer=customer.id, setup_intent_data={"metadata": {"account": "1"}})
    )
    card = "pm_card_authenticationRequired"
    assert (await press(pretend, made.url, "pay", card=card))[0] == 303
    session = (await hooks.wait_for("checkout.session.completed"))["data"]["object"]
    assert session["payment_status"] == "no_payment_required"
    saved = await client.v1.setup_intents.retrieve_async(
        session["setup_intent"], {"expand": ["payment_method"]}
    )
    assert (saved.status, saved.usage) == ("succeeded", "off_session")
    assert saved.metadata is not None
    assert saved.metadata["account"] == "1"
    assert isinstance(saved.payment_method, stripe.PaymentMethod)
    method = await client.v1.payment_methods.retrieve_async(saved.payment_method.id)
    assert (method.customer, method.type) == (customer.id, "card")
    assert method.card is not None
    assert method.card.last4 == "3184"
    await client.v1.payment_methods.detach_async(method.id)
    assert (await client.v1.payment_methods.retrieve_async(method.id)).customer is None


async def test_a_payment_can_save_its_card(
    pretend: PretendStripe, client: StripeClient, hooks: Endpoint
) -> None:
    """Pretend Stripe: `setup_future_usage` with a customer, made by the session if need be."""
    made = await client.v1.checkout.sessions.create_async(
        checkout(
            customer_creation="always", payment_intent_data={"setup_future_usage": "off_session"}
        )
    )
    await pretend.do(f"sessions/{made.id}/pay", email="b@example.com")
    await hooks.wait_for("payment_method.attached", "customer.created")
    found = await client.v1.checkout.sessions.retrieve_async(
        made.id, {"expand": ["customer", "payment_intent.payment_method"]}
    )
    assert isinstance(found.customer, stripe.Customer)
    assert found.customer.email == "b@example.com"
    assert isinstance(found.payment_intent, stripe.PaymentIntent)
    assert isinstance(found.payment_intent.payment_method, stripe.PaymentMethod)
    assert found.payment_intent.payment_method.customer == found.customer.id


async def test_codes_and_taxes_are_in_the_totals(
    pretend: PretendStripe, client: StripeClient
) -> None:
    """Pretend Stripe: both in whole cents; tax on what is left after the discount."""
    await pretend.turn("page", tax_percent=19)
    made = await client.v1.checkout.sessions.create_async(
        checkout(allow_promotion_codes=True, automatic_tax={"enabled": True})
    )
    status, text, _ = await press(pretend, made.url, "pay", code="GIFT")
    assert (status, "This code is invalid." in text) == (402, True)
    assert (await press(pretend, made.url, "pay", code="pretend20"))[0] == 303
    found = await client.v1.checkout.sessions.retrieve_async(made.id)
    assert found.total_details is not None
    assert (found.amount_subtotal, found.amount_total) == (999, 799 + 152)
    assert (found.total_details.amount_discount, found.total_details.amount_tax) == (200, 152)
    intent = await client.v1.payment_intents.retrieve_async(str(found.payment_intent))
    assert intent.amount_received == 951


async def test_sessions_are_listed_page_by_page(client: StripeClient) -> None:
    """Pretend Stripe: the newest first, without a gap, by the library's own paging."""
    made = [(await client.v1.checkout.sessions.create_async(checkout())).id for _ in range(5)]
    listed = await client.v1.checkout.sessions.list_async({"limit": 2})
    assert listed.has_more
    assert [one.id async for one in listed.auto_paging_iter()] == made[::-1]
    before = await client.v1.checkout.sessions.list_async({"ending_before": made[0], "limit": 2})
    assert [one.id for one in before.data] == [made[2], made[1]]
    await client.v1.checkout.sessions.expire_async(made[1])
    open_ones = await client.v1.checkout.sessions.list_async({"status": "open"})
    assert made[1] not in [one.id for one in open_ones.data]
    with pytest.raises(stripe.InvalidRequestError, match=r"No such checkout\.session: 'cs_no'"):
        await client.v1.checkout.sessions.list_async({"starting_after": "cs_no"})


async def test_lists_know_times(pretend: PretendStripe, client: StripeClient) -> None:
    """Pretend Stripe: what a sync asks for."""
    old = await client.v1.checkout.sessions.create_async(checkout())
    pretend.clock.ahead_s = 100
    new = await client.v1.checkout.sessions.create_async(checkout())
    later = await client.v1.checkout.sessions.list_async({"created": {"gte": new.created}})
    earlier = await client.v1.checkout.sessions.list_async({"created": {"lt": new.created}})
    exact = await client.v1.checkout.sessions.list_async({"created": old.created})
    assert [[one.id for one in page.data] for page in (later, earlier, exact)] == [
        [new.id],
        [old.id],
        [old.id],
    ]
