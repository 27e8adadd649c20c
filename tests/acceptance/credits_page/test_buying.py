"""Topping up on the Credits page of `tollgate up`: buy, cancel, and all that can come late."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from tests.support.credits_page import (
    cookie_of,
    grouped,
    part,
    shows_balance,
    sign_in,
)
from tests.support.customer import Customer, post_form
from tests.support.engine_checks import eventually
from tests.support.shop import Shop

STARTER_MC = 9_990_000
PAY_PAGE = re.compile(r"/c/pay/")


@pytest.fixture
def without_webhooks(shop: Shop) -> Iterator[None]:
    """Stripe tells nothing by itself during the test."""
    shop.drop_webhooks()
    yield
    shop.drop_webhooks(drop=False)


def buy(page: Page, package_id: str = "starter") -> None:
    page.locator(f"#buy-{package_id}").click()
    page.wait_for_url(PAY_PAGE)


def pay(page: Page) -> None:
    page.get_by_role("button", name="Pay").click()


def test_buying_comes_back_to_the_page_with_the_new_balance(customer: Customer, page: Page) -> None:
    """Buy, pay, and the page says what was added; loading it again does not say it again."""
    before_mc = customer.balance_mc()
    sign_in(page, customer)
    buy(page)
    pay(page)
    news = part(page, "news")
    expect(news).to_contain_text("Payment received. 9,990.00 credits were added")
    expect(news).to_contain_text(f"Your new balance is {grouped(before_mc + STARTER_MC)}")
    shows_balance(page, before_mc + STARTER_MC)
    assert customer.balance_mc() == before_mc + STARTER_MC
    expect(page).to_have_url(f"{customer.url}/console")
    expect(part(page, "ledger").locator("tbody tr").first).to_contain_text("Purchase")
    page.reload()
    shows_balance(page, before_mc + STARTER_MC)
    expect(news).to_have_text("")


def test_a_bonus_is_shown_on_the_card_and_given(customer: Customer, page: Page) -> None:
    """What the card promises is what is added: 49,990 and 2,499."""
    sign_in(page, customer)
    card = page.locator(".package", has=page.locator("#buy-professional"))
    expect(card).to_contain_text("52,489 credits")
    expect(card).to_contain_text("49,990 + 2,499 bonus (5%)")
    expect(card).to_contain_text("Best for frequent use • Save vs Starter")
    buy(page, "professional")
    pay(page)
    expect(part(page, "news")).to_contain_text("52,489.00 credits were added")
    kinds = {row["type"]: row["amountMillicredits"] for row in customer.rows("ledger")}
    assert (kinds["purchase"], kinds["bonus"]) == ("49990000", "2499000")


def test_a_double_click_makes_one_checkout(customer: Customer, page: Page) -> None:
    """One click is one checkout, however often it arrives."""
    sign_in(page, customer)
    page.locator("#buy-starter").dblclick()
    page.wait_for_url(PAY_PAGE)
    assert len(customer.rows("purchases")) == 1


def test_a_form_that_arrives_twice_leads_to_one_checkout(customer: Customer, page: Page) -> None:
    """The form's own key makes it one, also where no script holds the button."""
    sign_in(page, customer)
    form = page.locator("form", has=page.locator("#buy-starter"))
    fields = {
        name: form.locator(f"[name={name}]").input_value()
        for name in ("form_token", "package_id", "request_key")
    }
    headers = {"Cookie": cookie_of(page), "Accept": "application/json"}
    answers = [post_form(customer.url, "/console/buy", fields, headers) for _ in range(2)]
    assert [one.status for one in answers] == [200, 200]
    assert answers[0].body == answers[1].body
    assert len(customer.rows("purchases")) == 1


def test_the_way_back_from_the_payment_page_can_buy_again(customer: Customer, page: Page) -> None:
    """Going back by the browser finds buttons that work."""
    sign_in(page, customer)
    buy(page)
    page.go_back()
    expect(page.locator("#buy-starter")).to_be_enabled()
    expect(page.locator("#buy-starter")).to_have_text("Buy")
    buy(page, "enterprise")


def test_a_cancelled_checkout_says_that_nothing_was_charged(customer: Customer, page: Page) -> None:
    """And leads back to the same checkout."""
    before_mc = customer.balance_mc()
    sign_in(page, customer)
    buy(page)
    paying_at = page.url
    page.get_by_role("button", name="Cancel").click()
    news = part(page, "news")
    expect(news).to_contain_text("Checkout cancelled, nothing was charged.")
    shows_balance(page, before_mc)
    assert customer.balance_mc() == before_mc
    page.get_by_role("link", name="Go back to the checkout").click()
    expect(page).to_have_url(paying_at)


@pytest.mark.usefixtures("without_webhooks")
def test_a_late_webhook_keeps_nobody_waiting(customer: Customer, page: Page, shop: Shop) -> None:
    """The page asks Stripe itself; the webhook that comes afterwards adds nothing."""
    before_mc = customer.balance_mc()
    sign_in(page, customer)
    buy(page)
    pay(page)
    expect(part(page, "news")).to_contain_text("Payment received.")
    shows_balance(page, before_mc + STARTER_MC)
    shop.drop_webhooks(drop=False)
    assert shop.stripe("POST", "/events/send", {"copies": 2})["sending"]
    eventually(lambda: customer.rows("purchases")[0]["receiptUrl"] is not None)
    assert customer.balance_mc() == before_mc + STARTER_MC


@pytest.mark.usefixtures("without_webhooks")
def test_a_payment_that_is_not_there_yet_is_waited_for(
    customer: Customer, page: Page, shop: Shop
) -> None:
    """“Adding your credits…” resolves by itself as soon as Stripe has the payment."""
    before_mc = customer.balance_mc()
    checkout = customer.ask("POST", "/checkout", {"packageId": "starter"})
    sign_in(page, customer)
    page.goto(f"{customer.url}/console?checkout={checkout['purchaseId']}")
    news = part(page, "news")
    expect(news).to_contain_text("Payment received, adding your credits…")
    shop.pay(checkout["checkoutId"])
    expect(news).to_contain_text("Payment received. 9,990.00 credits were added")
    shows_balance(page, before_mc + STARTER_MC)
    expect(page).to_have_url(f"{customer.url}/console")


def test_a_payment_by_bank_is_said_to_take_days_and_shows_when_it_arrives(
    customer: Customer, page: Page, shop: Shop
) -> None:
    """Pending at Stripe: nothing is added yet, and nobody has to load the page again."""
    before_mc = customer.balance_mc()
    shop.stripe("PUT", "/page", {"bank_delay_s": 3600})
    sign_in(page, customer)
    buy(page)
    page.get_by_role("button", name=re.compile("^Bank transfer: succeeds")).click()
    news = part(page, "news")
    expect(news).to_contain_text("Your payment is being processed.")
    assert customer.balance_mc() == before_mc
    checkout_id = customer.rows("purchases")[0]["checkoutId"]
    shop.stripe("POST", f"/sessions/{checkout_id}/settle")
    expect(news).to_contain_text("Payment received. 9,990.00 credits were added")
    shows_balance(page, before_mc + STARTER_MC)


def test_a_payment_that_failed_at_the_bank_says_that_nothing_was_charged(
    customer: Customer, page: Page, shop: Shop
) -> None:
    """The other end of a slow way to pay."""
    before_mc = customer.balance_mc()
    shop.stripe("PUT", "/page", {"bank_delay_s": 3600})
    sign_in(page, customer)
    buy(page)
    page.get_by_role("button", name=re.compile("^Bank transfer: fails")).click()
    expect(part(page, "news")).to_contain_text("Your payment is being processed.")
    checkout_id = customer.rows("purchases")[0]["checkoutId"]
    shop.stripe("POST", f"/sessions/{checkout_id}/settle")
    page.reload()
    expect(part(page, "news")).to_contain_text("The payment did not go through.")
    shows_balance(page, before_mc)
