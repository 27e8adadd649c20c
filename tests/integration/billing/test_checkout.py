"""Selling through Stripe's page: once for a double click, and the way back."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from billing.checkout import Checkout
from billing.errors import (
    PackageUnknownError,
    PaymentsNotConfiguredError,
    PurchaseUnknownError,
    RequestKeyConflictError,
    StripeUnavailableError,
)
from billing.page_params import SalesTerms, session_params
from ledger.errors import AccountUnknownError
from ledger.ids import new_id
from tests.support.pretend_sales import LINKS, Counter, open_counter
from tests.support.sales import PACKAGES


@pytest.fixture
async def counter(database_url: str, redis_url: str) -> AsyncIterator[Counter]:
    async with open_counter(database_url, redis_url) as opened:
        yield opened


async def test_the_page_sells_what_the_files_say(counter: Counter) -> None:
    """Amounts come from the server; account and purchase travel along; the way back is ours."""
    customer = await counter.shop.books.customer()
    page = await counter.checkout.begin(customer.account_id, "professional")
    [session] = await counter.sessions()
    assert (session["id"], session["url"]) == (page.checkout_id, page.url)
    assert (session["amount_total"], session["currency"]) == (4_999, "usd")
    assert session["client_reference_id"] == page.purchase_id
    assert session["metadata"] == {
        "tollgate_purchase_id": page.purchase_id,
        "tollgate_account_id": customer.account_id,
    }
    assert session["success_url"].startswith("https://credits.example.com/console/checkout/")
    assert session["success_url"].endswith("&session_id={CHECKOUT_SESSION_ID}")
    assert session["cancel_url"].endswith("&cancelled=1")
    purchase = await counter.shop.purchases.get(page.purchase_id)
    assert (purchase.status, purchase.base_mc, purchase.bonus_mc) == ("open", 49_990_000, 2_499_000)


async def test_a_double_click_makes_one_session(counter: Counter) -> None:
    """Ten clicks at once, and one a little later: the same page."""
    account_id = (await counter.shop.books.customer()).account_id
    clicks = (counter.checkout.begin(account_id, "starter") for _ in range(10))
    pages = set(await asyncio.gather(*clicks))
    pages.add(await counter.checkout.begin(account_id, "starter"))
    assert len(pages) == 1
    assert len(await counter.sessions()) == 1
    other = await counter.checkout.begin(account_id, "enterprise")
    assert other not in pages


async def test_a_lost_answer_is_asked_for_again_with_the_same_key(counter: Counter) -> None:
    """The key is stored before the first attempt: Stripe makes one session, whatever is lost."""
    account_id = (await counter.shop.books.customer()).account_id
    await counter.ask("PUT", "/pretend/api", lose_next=3)
    with pytest.raises(StripeUnavailableError):
        await counter.checkout.begin(account_id, "starter")
    page = await counter.checkout.begin(account_id, "starter")
    [session] = await counter.sessions()
    assert session["id"] == page.checkout_id


async def test_the_next_purchase_after_a_paid_one_has_a_page_of_its_own(counter: Counter) -> None:
    """Also where the webhook is late: the first is credited by asking."""
    customer = await counter.shop.books.customer()
    first = await counter.checkout.begin(customer.account_id, "starter")
    await counter.pay(first.checkout_id)
    second = await counter.checkout.begin(customer.account_id, "starter")
    assert second.checkout_id != first.checkout_id
    assert await counter.shop.books.balance_mc(customer) == 9_990_000


async def test_a_request_key_leads_to_one_page_for_ever(counter: Counter) -> None:
    """`Idempotency-Key`: the same key, the same page; for another package it is refused."""
    account_id = (await counter.shop.books.customer()).account_id
    pages = {await counter.checkout.begin(account_id, "starter", "order-1") for _ in range(3)}
    assert len(pages) == 1
    assert await counter.checkout.begin(account_id, "starter", "order-2") not in pages
    with pytest.raises(RequestKeyConflictError, match="starter"):
        await counter.checkout.begin(account_id, "enterprise", "order-1")


async def test_a_request_key_of_a_page_that_nobody_was_given_leads_to_another(
    counter: Counter,
) -> None:
    """The answer was lost, and the customer comes again when that page has expired."""
    customer = await counter.shop.books.customer()
    await counter.ask("PUT", "/pretend/api", lose_next=3)
    with pytest.raises(StripeUnavailableError):
        await counter.checkout.begin(customer.account_id, "starter", "order-1")
    [unseen] = await counter.sessions()
    await counter.ask("POST", f"/v1/checkout/sessions/{unseen['id']}/expire")
    await counter.deliver()
    pages = {await counter.checkout.begin(customer.account_id, "starter", "order-1") for _ in "ab"}
    [page] = pages
    await counter.pay(page.checkout_id)
    await counter.deliver()
    assert await counter.shop.books.balance_mc(customer) == 9_990_000
    assert (await counter.shop.purchases.get(page.purchase_id)).status == "paid"


async def test_what_cannot_be_sold_is_refused(counter: Counter) -> None:
    """Unknown packages and accounts, and a shop without a key for Stripe."""
    account_id = (await counter.shop.books.customer()).account_id
    with pytest.raises(PackageUnknownError):
        await counter.checkout.begin(account_id, "gold")
    with pytest.raises(AccountUnknownError):
        await counter.checkout.begin(new_id(), "starter")
    shop = counter.shop
    closed = Checkout(
        *(shop.books.pool, None, shop.takings, shop.books.working_copy, PACKAGES),
        links=LINKS,
        terms=SalesTerms(),
        credits_per_usd=1000,
    )
    with pytest.raises(PaymentsNotConfiguredError):
        await closed.begin(account_id, "starter")


async def test_the_operators_terms_reach_the_page(database_url: str, redis_url: str) -> None:
    """Ways to pay, taxes and promotion codes are settings."""
    terms = SalesTerms(payment_method_types=("card",), automatic_tax=True, promotion_codes=True)
    async with open_counter(database_url, redis_url, terms) as counter:
        customer = await counter.shop.books.customer()
        page = await counter.checkout.begin(customer.account_id, "starter")
        [session] = await counter.sessions()
        assert session["automatic_tax"]["enabled"]
        assert session["allow_promotion_codes"]
        purchase = await counter.shop.purchases.get(page.purchase_id)
        assert not purchase.is_price_exact
        await counter.ask("PUT", "/pretend/page", tax_percent=20)
        await counter.pay(page.checkout_id)
        await counter.deliver()
        assert await counter.shop.books.balance_mc(customer) == 9_990_000


async def test_coming_back_credits_at_once_and_the_late_webhook_adds_nothing(
    counter: Counter,
) -> None:
    """The return asks Stripe for its session, by the same way to credits."""
    customer = await counter.shop.books.customer()
    page = await counter.checkout.begin(customer.account_id, "starter")
    token = LINKS.token(page.purchase_id)
    unpaid = await counter.returns.look(page.purchase_id, token, page.checkout_id)
    assert unpaid.status == "open"
    await counter.pay(page.checkout_id)
    paid = await counter.returns.look(page.purchase_id, token, page.checkout_id)
    assert (paid.status, paid.credited_mc) == ("paid", 9_990_000)
    assert await counter.deliver() > 0
    assert await counter.shop.books.balance_mc(customer) == 9_990_000
    await counter.shop.books.assert_at_rest(customer)
    assert (await counter.shop.purchases.get(page.purchase_id)).receipt_url


async def test_g12_a_token_shows_its_own_purchase_only(counter: Counter) -> None:
    """G12: neither another's purchase, nor another's session, by guessing."""
    ada, bob = [(await counter.shop.books.customer()).account_id for _ in "ab"]
    mine = await counter.checkout.begin(ada, "starter")
    other = await counter.checkout.begin(bob, "starter")
    await counter.pay(other.checkout_id)
    for token in ("", LINKS.token(other.purchase_id), "ü"):
        with pytest.raises(PurchaseUnknownError):
            await counter.returns.look(mine.purchase_id, token, None)
    looked = await counter.returns.look(
        mine.purchase_id, LINKS.token(mine.purchase_id), other.checkout_id
    )
    assert (looked.purchase_id, looked.status) == (mine.purchase_id, "open")


async def test_coming_back_from_what_is_not_its_own_page_pays_no_purchase(counter: Counter) -> None:
    """Something else was bought for the same price, with a reference that the customer chose."""
    customer, payment = await counter.shop.sell()
    purchase = await counter.shop.purchase(payment)
    params = session_params(purchase, LINKS, SalesTerms())
    del params["metadata"], params["payment_intent_data"]
    other = await counter.api.create_checkout_session(params, new_id())
    await counter.pay(other.id)
    token = LINKS.token(purchase.purchase_id)
    looked = await counter.returns.look(purchase.purchase_id, token, other.id)
    assert looked.status == "created"
    assert await counter.shop.entries(customer) == []


async def test_a_page_that_stripe_does_not_know_is_followed_by_another(counter: Counter) -> None:
    """Going live: what was begun in test mode, or at the pretend Stripe, is in nobody's way."""
    account_id = (await counter.shop.books.customer()).account_id
    first = await counter.checkout.begin(account_id, "starter")
    await counter.shop.books.execute(
        "update purchases set checkout_session_id = 'cs_test_of_before' "
        f"where id = '{first.purchase_id}'"
    )
    second = await counter.checkout.begin(account_id, "starter")
    assert second.purchase_id != first.purchase_id


async def test_who_comes_back_does_not_wait_for_a_stripe_that_hangs(
    counter: Counter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The page is shown soon, and asks again by itself."""
    monkeypatch.setattr("billing.returns.LONGEST_WAIT_S", 0.2)
    account_id = (await counter.shop.books.customer()).account_id
    page = await counter.checkout.begin(account_id, "starter")
    await counter.ask("PUT", "/pretend/api", delay_s=120)
    with pytest.raises(StripeUnavailableError):
        async with asyncio.timeout(60):
            await counter.returns.look(page.purchase_id, LINKS.token(page.purchase_id), None)
