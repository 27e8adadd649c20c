"""Settings on the Credits page of `tollgate up`: threshold, e-mail, automatic recharge, a card."""

import re

from playwright.sync_api import Page, expect

from tests.support.credits_page import part, sign_in
from tests.support.customer import Customer
from tests.support.engine_checks import eventually

NO_CARD = "No card is saved yet."


def save(page: Page, form: str) -> None:
    part(page, "settings").locator(f"form[action*='/{form}']").get_by_role(
        "button", name="Save", exact=True
    ).click()


def save_a_card(page: Page) -> None:
    page.locator("#save-card").click()
    page.wait_for_url(re.compile("/c/pay/"))
    page.get_by_role("button", name="Save", exact=True).click()
    expect(part(page, "news")).to_contain_text("Your card is saved.")


def fill_recharge(page: Page) -> None:
    page.locator("#recharge-enabled").check()
    page.locator("#recharge-below").fill("1,000")
    page.locator("#recharge-package").select_option("starter")
    page.locator("#recharge-limit").fill("$150.00")
    save(page, "auto-recharge")
    expect(part(page, "news")).to_contain_text("Automatic recharge is saved.")


def test_threshold_and_email_are_saved_and_shown_again(customer: Customer, page: Page) -> None:
    """What the page saves is what the API says; empty fields go back to the defaults."""
    sign_in(page, customer)
    page.locator("#threshold").fill("1,250.5")
    page.locator("#email").fill("ada@example.com")
    save(page, "settings")
    expect(part(page, "news")).to_contain_text("Your settings are saved.")
    expect(page.locator("#threshold")).to_have_value("1250.5")
    expect(page.locator("#email")).to_have_value("ada@example.com")
    saved = customer.ask("GET", "/settings")
    assert (saved["lowBalanceThresholdCredits"], saved["email"]) == (1250.5, "ada@example.com")
    page.locator("#threshold").fill("")
    page.locator("#email").fill("")
    save(page, "settings")
    eventually(lambda: customer.ask("GET", "/settings")["email"] is None)
    expect(page.locator("#threshold")).to_have_value("")
    assert customer.ask("GET", "/settings")["lowBalanceThresholdCredits"] == 500


def test_what_is_wrong_stands_beside_its_field_and_what_was_typed_is_kept(
    customer: Customer, page: Page
) -> None:
    """Nothing is saved of a form with a wrong field, and nothing has to be typed again."""
    sign_in(page, customer)
    page.locator("#threshold").fill("five hundred")
    page.locator("#email").fill("ada@example.com")
    save(page, "settings")
    threshold = page.locator("#threshold")
    expect(threshold).to_have_attribute("aria-invalid", "true")
    expect(threshold).to_have_accessible_description(
        re.compile("Threshold must be a number of credits")
    )
    expect(threshold).to_have_value("five hundred")
    expect(page.locator("#email")).to_have_value("ada@example.com")
    assert customer.ask("GET", "/settings")["email"] is None
    threshold.fill("600")
    save(page, "settings")
    expect(part(page, "news")).to_contain_text("Your settings are saved.")
    assert customer.ask("GET", "/settings")["email"] == "ada@example.com"


def test_a_recharge_that_cannot_be_says_why(customer: Customer, page: Page) -> None:
    """A monthly limit below the package's price is refused beside its field."""
    sign_in(page, customer)
    page.locator("#recharge-enabled").check()
    page.locator("#recharge-below").fill("1000")
    page.locator("#recharge-package").select_option("enterprise")
    page.locator("#recharge-limit").fill("20")
    save(page, "auto-recharge")
    limit = page.locator("#recharge-limit")
    expect(limit).to_have_attribute("aria-invalid", "true")
    expect(limit).to_have_value("20")
    expect(page.locator("#recharge-below")).to_have_value("1000")
    expect(page.locator("#recharge-package")).to_have_value("enterprise")
    expect(page.locator("#recharge-enabled")).to_be_checked()
    assert customer.ask("GET", "/settings")["autoRecharge"]["enabled"] is False


def test_recharge_waits_for_a_card_and_begins_with_it(customer: Customer, page: Page) -> None:
    """Paused with its reason; saving a card makes it active, and it buys."""
    sign_in(page, customer)
    fill_recharge(page)
    state = part(page, "settings").locator(".state")
    expect(state).to_contain_text("paused")
    expect(state).to_contain_text(NO_CARD)
    save_a_card(page)
    expect(part(page, "settings")).to_contain_text("Saved card: Visa ending in 4242")
    expect(state).to_have_text("active")
    expect(page).to_have_url(f"{customer.url}/console")
    eventually(lambda: customer.balance_mc() > 1_000_000)
    expect(page.locator("#balance-credits")).to_contain_text("10,0")


def test_a_saved_card_is_shown_without_loading_the_page_again(
    customer: Customer, page: Page
) -> None:
    """The page says that the card is shown in a moment, so it is."""
    sign_in(page, customer)
    save_a_card(page)
    expect(part(page, "settings")).to_contain_text("Saved card: Visa ending in 4242")
    expect(page.locator("#save-card")).to_have_text("Replace card")


def test_a_card_that_was_not_saved_is_told_so(customer: Customer, page: Page) -> None:
    """Cancelled at Stripe."""
    sign_in(page, customer)
    page.locator("#save-card").click()
    page.get_by_role("button", name="Cancel").click()
    expect(part(page, "news")).to_contain_text("No card was saved.")
    expect(part(page, "settings")).to_contain_text("No card is saved.")
