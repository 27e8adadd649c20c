"""The Credits page of `tollgate up` in a browser without JavaScript: all but live parts work."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.support.credits_page import (
    grouped,
    opened_page,
    part,
    rows,
    shows_balance,
    sign_in,
    sign_in_by_key,
)
from tests.support.customer import Customer


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    with opened_page(browser, java_script_enabled=False) as opened:
        yield opened


def test_signing_in_and_out_needs_no_scripts(customer: Customer, page: Page) -> None:
    """By link and by key; the page says what does not work here."""
    sign_in(page, customer)
    shows_balance(page, customer.balance_mc())
    assert "Without JavaScript this page does not update by itself" in page.content()
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("status")).to_have_text("You are signed out.")
    sign_in_by_key(page, customer)
    shows_balance(page, customer.balance_mc())


def test_filters_and_receipts_are_pages(customer: Customer, page: Page) -> None:
    """Apply sends the form, a row's link leads to its receipt."""
    customer.written_call(model="gpt-4o-mini")
    call = customer.written_call(model="gpt-4o")
    sign_in(page, customer)
    expect(rows(page, "usage")).to_have_count(2)
    page.locator("#usage-model").select_option("gpt-4o")
    part(page, "usage").get_by_role("button", name="Apply").click()
    expect(page).to_have_url(re.compile(r"[?&]model=gpt-4o\b"))
    expect(rows(page, "usage")).to_have_count(1)
    rows(page, "usage").first.get_by_role("link").click()
    expect(page.get_by_role("heading", name="Receipt")).to_be_visible()
    expect(page.locator(".sum td")).to_have_text(grouped(call.charged_mc, 3))


def test_buying_is_a_form_and_a_link(customer: Customer, page: Page) -> None:
    """The page's forms may lead nowhere else, so a link leads to the payment; then it is paid."""
    before_mc = customer.balance_mc()
    sign_in(page, customer)
    page.locator("#buy-starter").click()
    page.get_by_role("link", name="Continue to the payment").click()
    page.wait_for_url(re.compile("/c/pay/"))
    page.get_by_role("button", name="Pay").click()
    expect(part(page, "news")).to_contain_text("Payment received.")
    shows_balance(page, before_mc + 9_990_000)


def test_a_key_is_made_and_revoked_by_forms(customer: Customer, page: Page) -> None:
    """Revoke leads to a page that asks first."""
    sign_in(page, customer)
    page.locator("#key-name").fill("Plain")
    page.get_by_role("button", name="Create key").click()
    key = page.locator("#new-key").inner_text()
    assert customer.try_call(key=key) == 200
    page.get_by_role("button", name="Revoke Plain").click()
    expect(page.get_by_role("heading", name="Revoke “Plain”?")).to_be_visible()
    page.get_by_role("button", name="Revoke key").click()
    expect(part(page, "news")).to_contain_text("The key is revoked.")
    assert customer.try_call(key=key) == 401


def test_settings_and_the_banner_are_forms(customer: Customer, page: Page) -> None:
    """Saved and dismissed by one click each."""
    customer.wait_until_low()
    sign_in(page, customer)
    page.locator("#dismiss-low-balance").click()
    expect(page.locator("#low-balance")).to_have_count(0)
    page.locator("#threshold").fill("42")
    part(page, "settings").get_by_role("button", name="Save", exact=True).first.click()
    expect(part(page, "news")).to_contain_text("Your settings are saved.")
    assert customer.ask("GET", "/settings")["lowBalanceThresholdCredits"] == 42
