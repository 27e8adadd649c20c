"""Off-session payments, refunds and disputes of the pretend Stripe."""

import pytest
import stripe
from stripe import StripeClient

from tests.support.pretend_stripe import Endpoint, PretendStripe
from tests.support.stripe_requests import off_session


@pytest.fixture
def client(pretend: PretendStripe) -> StripeClient:
    return pretend.client


@pytest.fixture
async def customer(client: StripeClient) -> str:
    made = await client.v1.customers.create_async({"email": "a@example.com", "name": "A"})
    return made.id


@pytest.fixture
async def paid(client: StripeClient, customer: str) -> stripe.PaymentIntent:
    return await client.v1.payment_intents.create_async(off_session(customer))


async def test_a_good_card_pays(
    paid: stripe.PaymentIntent, client: StripeClient, hooks: Endpoint
) -> None:
    """Pretend Stripe: at once, with a charge, a receipt, and events that say by which request."""
    assert (paid.status, paid.amount_received) == ("succeeded", 999)
    charge = await client.v1.charges.retrieve_async(
        str(paid.latest_charge), {"expand": ["balance_transaction"]}
    )
    assert charge.paid
    assert isinstance(charge.balance_transaction, stripe.BalanceTransaction)
    assert (charge.balance_transaction.amount, charge.balance_transaction.fee) == (999, 59)
    event = await hooks.wait_for("payment_intent.succeeded")
    assert event["request"]["id"] == paid.last_response.headers["Request-Id"]
    assert event["request"]["idempotency_key"]


@pytest.mark.parametrize(
    ("card", "codes"),
    [
        ("pm_card_chargeDeclined", ("card_declined", "generic_decline")),
        ("pm_card_chargeCustomerFail", ("card_declined", "generic_decline")),
        ("pm_card_chargeDeclinedInsufficientFunds", ("card_declined", "insufficient_funds")),
        ("pm_card_chargeDeclinedExpiredCard", ("expired_card", None)),
        ("pm_card_authenticationRequired", ("authentication_required", "authentication_required")),
    ],
)
async def test_a_refused_card_is_a_card_error(
    client: StripeClient,
    customer: str,
    hooks: Endpoint,
    card: str,
    codes: tuple[str, str | None],
) -> None:
    """Pretend Stripe: 402 with the intent, which waits for another payment method."""
    with pytest.raises(stripe.CardError) as refused:
        await client.v1.payment_intents.create_async(off_session(customer, payment_method=card))
    error = refused.value.error
    assert refused.value.http_status == 402
    assert (refused.value.code, error.decline_code) == codes
    assert error.payment_intent.status == "requires_payment_method"
    assert error.payment_method.customer == customer
    found = await client.v1.payment_intents.retrieve_async(error.payment_intent.id)
    assert found.last_payment_error is not None
    assert found.last_payment_error.code == codes[0]
    await hooks.wait_for("payment_intent.payment_failed", "charge.failed")
    await client.v1.payment_intents.cancel_async(found.id, {"cancellation_reason": "abandoned"})
    await hooks.wait_for("payment_intent.canceled")
    with pytest.raises(stripe.InvalidRequestError, match="has a status of canceled"):
        await client.v1.payment_intents.cancel_async(found.id)


async def test_a_present_customer_can_authenticate(
    pretend: PretendStripe, client: StripeClient, customer: str, hooks: Endpoint
) -> None:
    """Pretend Stripe: on session, a payment waits for its customer, and then goes through."""
    back = "https://credits.example.com/back"
    card = "pm_card_authenticationRequired"
    params = off_session(customer, payment_method=card, off_session=False, return_url=back)
    intent = await client.v1.payment_intents.create_async(params)
    assert intent.status == "requires_action"
    assert intent.next_action is not None
    assert intent.next_action.redirect_to_url is not None
    page = str(intent.next_action.redirect_to_url.url)
    async with pretend.session.post(page, allow_redirects=False) as answer:
        assert (answer.status, answer.headers["Location"]) == (303, back)
    await hooks.wait_for("payment_intent.requires_action", "payment_intent.succeeded")
    async with pretend.session.post(page) as again:
        assert again.status == 404


async def test_future_payments_can_be_made_to_fail(
    pretend: PretendStripe, client: StripeClient, customer: str
) -> None:
    """Pretend Stripe: for one customer or all, until it is turned back."""
    other = (await client.v1.customers.create_async({})).id
    await pretend.turn("off_session", outcome="needs_authentication", customer=customer)
    with pytest.raises(stripe.CardError) as refused:
        await client.v1.payment_intents.create_async(off_session(customer))
    assert refused.value.code == "authentication_required"
    await client.v1.payment_intents.create_async(off_session(other))
    await pretend.turn("off_session", outcome="declines")
    with pytest.raises(stripe.CardError):
        await client.v1.payment_intents.create_async(off_session(other))
    await pretend.turn("off_session")
    await client.v1.payment_intents.create_async(off_session(customer))


async def test_a_card_of_another_customer_is_no_good(
    client: StripeClient, paid: stripe.PaymentIntent
) -> None:
    """Pretend Stripe: a saved card is its customer's only."""
    stranger = (await client.v1.customers.create_async({})).id
    method = str(paid.payment_method)
    with pytest.raises(stripe.InvalidRequestError, match="does not have a payment method"):
        await client.v1.payment_intents.create_async(off_session(stranger, payment_method=method))
    again = off_session(str(paid.customer), payment_method=method)
    assert (await client.v1.payment_intents.create_async(again)).status == "succeeded"


async def test_intents_and_charges_are_listed(client: StripeClient, customer: str) -> None:
    """Pretend Stripe: by customer, by intent, with their charges in place of ids."""
    other = (await client.v1.customers.create_async({})).id
    mine = await client.v1.payment_intents.create_async(off_session(customer))
    theirs = await client.v1.payment_intents.create_async(off_session(other))
    listed = await client.v1.payment_intents.list_async(
        {"customer": customer, "expand": ["data.latest_charge"]}
    )
    [intent] = listed.data
    assert intent.id == mine.id
    assert isinstance(intent.latest_charge, stripe.Charge)
    charges = await client.v1.charges.list_async({"payment_intent": theirs.id})
    assert [one.id for one in charges.data] == [theirs.latest_charge]


async def test_a_customer_can_be_changed_and_found(
    client: StripeClient, customer: str, paid: stripe.PaymentIntent
) -> None:
    """Pretend Stripe: name, e-mail, metadata, default card."""
    changed = await client.v1.customers.update_async(
        customer,
        {
            "name": "B",
            "metadata": {"account": "1"},
            "invoice_settings": {"default_payment_method": str(paid.payment_method)},
        },
    )
    assert (changed.name, changed.email) == ("B", "a@example.com")
    found = await client.v1.customers.list_async({"email": "a@example.com"})
    assert [one.id for one in found.data] == [customer]
    assert found.data[0].invoice_settings is not None
    assert found.data[0].invoice_settings.default_payment_method == paid.payment_method


async def test_refunds_add_up_to_the_charge(
    client: StripeClient, paid: stripe.PaymentIntent, hooks: Endpoint
) -> None:
    """Pretend Stripe: in parts, by intent or charge, never more than was paid."""
    refunds = client.v1.refunds
    first = await refunds.create_async({"payment_intent": paid.id, "amount": 300})
    assert (first.status, first.amount, first.payment_intent) == ("succeeded", 300, paid.id)
    with pytest.raises(stripe.InvalidRequestError, match=r"\$7.00\) is greater than .*\$6.99"):
        await refunds.create_async({"payment_intent": paid.id, "amount": 700})
    charge = str(paid.latest_charge)
    second = await refunds.create_async({"charge": charge, "reason": "requested_by_customer"})
    assert second.amount == 699
    with pytest.raises(stripe.InvalidRequestError) as refused:
        await refunds.create_async({"charge": charge})
    assert refused.value.code == "charge_already_refunded"
    listed = await refunds.list_async({"payment_intent": paid.id})
    assert [one.id for one in listed.data] == [second.id, first.id]
    found = await client.v1.charges.retrieve_async(charge, {"expand": ["refunds"]})
    assert (found.amount_refunded, found.refunded) == (999, True)
    assert found.refunds is not None
    assert len(found.refunds.data) == 2
    await hooks.wait_for("refund.created", "charge.refunded", "refund.updated")


async def test_a_refund_that_fails_gives_back(
    pretend: PretendStripe, client: StripeClient, paid: stripe.PaymentIntent, hooks: Endpoint
) -> None:
    """Pretend Stripe: told by refund.failed; the charge counts it no more."""
    made = await pretend.do(f"payments/{paid.id}/refund", amount=400)
    await pretend.do(f"refunds/{made['id']}/fail")
    found = await client.v1.refunds.retrieve_async(made["id"])
    assert (found.status, found.failure_reason) == ("failed", "lost_or_stolen_card")
    charge = await client.v1.charges.retrieve_async(str(paid.latest_charge))
    assert charge.amount_refunded == 0
    await hooks.wait_for("refund.failed", "charge.refund.updated")
    async with pretend.session.post(f"{pretend.url}/pretend/refunds/{made['id']}/fail") as again:
        assert again.status == 400


@pytest.mark.parametrize("end", ["win", "lose"])
async def test_a_dispute_takes_and_gives_back(
    pretend: PretendStripe,
    client: StripeClient,
    paid: stripe.PaymentIntent,
    hooks: Endpoint,
    end: str,
) -> None:
    """Pretend Stripe: withdrawn at once; won, it comes back; lost, it does not."""
    made = await pretend.do(f"payments/{paid.id}/dispute", amount=500)
    event = await hooks.wait_for("charge.dispute.created", "charge.dispute.funds_withdrawn")
    [withdrawn] = event["data"]["object"]["balance_transactions"]
    assert (withdrawn["amount"], withdrawn["fee"], withdrawn["net"]) == (-500, 1500, -2000)
    with pytest.raises(stripe.InvalidRequestError) as refused:
        await client.v1.refunds.create_async({"payment_intent": paid.id})
    assert refused.value.code == "charge_disputed"
    await pretend.do(f"disputes/{made['id']}/{end}")
    closed = await hooks.wait_for("charge.dispute.closed")
    is_won = end == "win"
    assert closed["data"]["object"]["status"] == ("won" if is_won else "lost")
    if is_won:
        event = await hooks.wait_for("charge.dispute.funds_reinstated")
        amounts = [one["amount"] for one in event["data"]["object"]["balance_transactions"]]
        assert amounts == [-500, 500]
    else:
        assert "charge.dispute.funds_reinstated" not in hooks.types
    [found] = (await client.v1.disputes.list_async({"payment_intent": paid.id})).data
    assert (found.id, found.amount, found.charge) == (made["id"], 500, paid.latest_charge)
    assert (await client.v1.disputes.retrieve_async(made["id"])).status == found.status


async def test_an_inquiry_takes_nothing(
    pretend: PretendStripe, paid: stripe.PaymentIntent, hooks: Endpoint
) -> None:
    """Pretend Stripe: a warning may be closed without any money."""
    made = await pretend.do(f"payments/{paid.id}/dispute", inquiry=True)
    assert made["status"] == "warning_needs_response"
    assert (await pretend.do(f"disputes/{made['id']}/win"))["status"] == "warning_closed"
    await hooks.wait_for("charge.dispute.closed")
    assert not [one for one in hooks.types if "funds" in one]
