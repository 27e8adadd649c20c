"""Every request that billing sends is one that the installed `stripe` library declares."""

import inspect
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from billing.page_params import SalesTerms, session_params
from billing.purchases import Purchase
from billing.recharge_requests import Recharging, customer_params, payment_params, setup_params
from billing.return_links import ReturnLinks
from billing.stripe_client import StripeApi
from tests.support.pretend_stripe import API_KEY, PretendStripe, pretend_stripe
from tests.support.stripe_params import SentRequests, watched_requests

LINKS = ReturnLinks("https://credits.example.com", b"a secret of the tests")
SINCE = datetime.now(UTC) - timedelta(hours=1)
EVERY_TERM = SalesTerms(
    payment_method_types=("card", "us_bank_account"), automatic_tax=True, promotion_codes=True
)
UNSET = dict.fromkeys(
    (
        "checkout_session_id",
        "checkout_url",
        "payment_intent_id",
        "failure",
        "paid_at",
        "paid_cents",
        "charged_cents",
        "receipt_url",
    )
)
NOTHING = {name: 0 for name in Purchase.__struct_fields__ if name.startswith("posted_")}
PURCHASE = Purchase(
    purchase_id="0190-purchase",
    account_id="0190-account",
    kind="checkout",
    package_id="starter",
    label="Starter",
    price_cents=999,
    base_mc=9_990_000,
    bonus_mc=0,
    is_price_exact=True,
    status="created",
    created_at=SINCE,
    posting_rounds=0,
    **{**UNSET, **NOTHING},  # type: ignore[arg-type]
)


@pytest.fixture
async def pretend() -> AsyncIterator[PretendStripe]:
    async with pretend_stripe() as running:
        yield running


@pytest.fixture
async def api(pretend: PretendStripe) -> AsyncIterator[StripeApi]:
    opened = StripeApi(API_KEY, api_base=pretend.url)
    yield opened
    await opened.close()


async def sell(api: StripeApi, pretend: PretendStripe) -> None:
    """Checkout, on the shortest and on the longest terms."""
    plain = session_params(PURCHASE, LINKS, SalesTerms())
    made = await api.create_checkout_session(plain, "plain")
    await pretend.do(f"sessions/{made.id}/pay")
    await api.checkout_session(made.id)
    await api.create_checkout_session(session_params(PURCHASE, LINKS, EVERY_TERM), "all")
    await pretend.do(f"payments/{made.id}/refund", amount=100)
    await pretend.do(f"payments/{made.id}/dispute")


async def recharge(api: StripeApi, pretend: PretendStripe) -> None:
    """A card is saved, and paid with."""
    customer = await api.create_customer(customer_params("0190", "A", "a@example.com"), "with")
    await api.create_customer(customer_params("0190", "A", None), "without")
    urls = {name: f"https://credits.example.com/{name}" for name in ("success_url", "cancel_url")}
    page = await api.create_checkout_session(setup_params("0190", customer.id, **urls), "setup")
    session = await pretend.do(f"sessions/{page.id}/pay")
    await api.setup_intent(session["setup_intent"])
    [saved] = await pretend.events("payment_method.attached")
    method = await api.payment_method(saved["event"]["data"]["object"]["id"])
    recharging = Recharging(
        purchase_id="0190-recharge",
        account_id="0190-account",
        customer_id=customer.id,
        payment_method_id=method.id,
        label="Starter",
        price_cents=999,
        created_at=SINCE,
        attempts=0,
        age_s=0,
        payment_intent_id=None,
        is_wanted=True,
    )
    intent = await api.create_payment_intent(payment_params(recharging), "recharge")
    await api.payment_intent(intent.id)


async def ask_for_all(api: StripeApi) -> list[list[Any]]:
    """What a sync asks for."""
    return [
        [one async for one in listed]
        for listed in (
            api.checkout_sessions_since(SINCE),
            api.payment_intents_since(SINCE),
            api.refunds_since(SINCE),
            api.disputes_since(SINCE),
            api.setup_intents_since(SINCE),
        )
    ]


async def everything_sent(api: StripeApi, pretend: PretendStripe) -> SentRequests:
    """All that billing sends, as it was sent."""
    with watched_requests() as watched:
        await sell(api, pretend)
        await recharge(api, pretend)
        assert [len(found) for found in await ask_for_all(api)] == [3, 2, 1, 1, 1]
    return watched


async def test_every_request_passes_the_librarys_own_types(
    api: StripeApi, pretend: PretendStripe
) -> None:
    """Purchases: no unknown name, no wrong type or word, nothing required left out."""
    watched = await everything_sent(api, pretend)
    assert watched.problems == []
    assert len(watched.sent) == 15


async def test_no_request_is_left_out(
    api: StripeApi, pretend: PretendStripe, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Purchases: who adds a request to the client adds it to this check."""
    called = set()
    methods = [name for name, one in vars(StripeApi).items() if inspect.isfunction(one)]
    requests = {name for name in methods if not name.startswith("_")} - {"close"}

    def noting(name: str, method: Any) -> Any:
        def call(*arguments: Any, **options: Any) -> Any:
            called.add(name)
            return method(*arguments, **options)

        return call

    for name in requests:
        monkeypatch.setattr(StripeApi, name, noting(name, getattr(StripeApi, name)))
    await everything_sent(api, pretend)
    assert called == requests
