"""The Credits page of `tollgate up` keeps itself current: balance, tables, low-balance banner."""

from playwright.sync_api import Page, expect

from tests.support.credits_page import (
    cell,
    grouped,
    mc_of,
    part,
    rows,
    shows_balance,
    sign_in,
)
from tests.support.customer import Customer
from tests.support.shop import Shop

BANNER = "#low-balance"


def set_threshold(customer: Customer, credits: int) -> None:
    customer.ask("PUT", "/settings", {"lowBalanceThresholdCredits": credits})


def dismiss(page: Page) -> None:
    """The button comes with the next look at all balances, which names this fall."""
    page.locator("#dismiss-low-balance").click()
    expect(page.locator(BANNER)).to_have_count(0)


def test_a_call_shows_by_itself_in_balance_usage_and_ledger(customer: Customer, page: Page) -> None:
    """No reload: the balance falls by the charge, and both tables begin with the call."""
    before_mc = customer.balance_mc()
    sign_in(page, customer)
    expect(part(page, "usage")).to_contain_text("No calls yet")
    call = customer.call(output_tokens=50)
    shows_balance(page, before_mc - call.charged_mc)
    expect(rows(page, "usage")).to_have_count(1)
    expect(cell(page, "usage", 0, 4)).to_have_text(grouped(call.charged_mc, 3))
    expect(rows(page, "usage").locator("[data-copy]")).to_have_attribute(
        "data-copy", call.request_id
    )
    expect(cell(page, "ledger", 0, 1)).to_contain_text("Usage")
    expect(cell(page, "ledger", 0, 2)).to_have_text(grouped(-call.charged_mc, 3))
    expect(part(page, "spending").locator("figcaption")).to_contain_text("1 call;")


def test_the_newest_balance_after_is_the_balance_above(customer: Customer, page: Page) -> None:
    """Header, ledger table and API say the same amount."""
    for tokens in (10, 20, 30):
        customer.written_call(output_tokens=tokens)
    sign_in(page, customer)
    balance_mc = customer.balance_mc()
    shows_balance(page, balance_mc)
    assert mc_of(cell(page, "ledger", 0, 3).inner_text()) == balance_mc
    expect(part(page, "ledger").locator(".note")).to_have_count(0)
    amounts = [mc_of(cell(page, "ledger", row, 2).inner_text()) for row in range(4)]
    assert sum(amounts) == balance_mc


def test_credits_that_are_held_are_shown_beside_the_balance(customer: Customer, page: Page) -> None:
    """A call under way holds credits; balance and available differ by them."""
    sign_in(page, customer)
    with customer.slow_call():
        expect(page.locator(".held")).to_contain_text("held for calls under way")
        held_mc = int(customer.ask("GET", "/balance")["heldMillicredits"])
        expect(page.locator(".held")).to_contain_text(f"{grouped(held_mc)} held")
    expect(page.locator(".held")).to_have_count(0)


def test_a_low_balance_is_told_until_it_is_dismissed_and_told_again_at_the_next_fall(
    customer: Customer, page: Page
) -> None:
    """The banner leads to the packages, stays away when dismissed, comes with the next fall."""
    set_threshold(customer, 50)
    sign_in(page, customer)
    shows_balance(page, customer.balance_mc())
    expect(page.locator(BANNER)).to_have_count(0)
    set_threshold(customer, 5000)
    expect(page.locator(BANNER)).to_contain_text("It is below 5,000 credits")
    expect(page.locator(BANNER).get_by_role("link")).to_have_attribute("href", "#packages")
    dismiss(page)
    page.reload()
    shows_balance(page, customer.balance_mc())
    expect(page.locator(BANNER)).to_have_count(0)

    customer.grant("10000")
    customer.wait_until_low(is_low=False)
    customer.take("10000")
    expect(page.locator(BANNER)).to_be_visible()
    dismiss(page)


def test_the_banner_goes_by_itself_when_there_is_enough_again(
    customer: Customer, page: Page
) -> None:
    """100 credits are below the 500 of the configuration; a grant lifts them over it."""
    sign_in(page, customer)
    expect(page.locator(BANNER)).to_contain_text("It is below 500 credits")
    customer.grant("1000")
    shows_balance(page, customer.balance_mc())
    expect(page.locator(BANNER)).to_have_count(0)


def test_whoever_never_had_credits_is_told_so_and_can_put_it_away(shop: Shop, page: Page) -> None:
    """There was no fall; the banner goes all the same, and comes with the first one."""
    customer = Customer.new(shop.up, credits="0")
    sign_in(page, customer)
    expect(page.locator(BANNER)).to_contain_text("No credits are left")
    dismiss(page)
    page.reload()
    expect(page.locator(BANNER)).to_have_count(0)
    customer.grant("1")
    expect(page.locator(BANNER)).to_contain_text("It is below 500 credits")


def test_a_date_that_is_not_applied_yet_stays_when_a_call_is_new(
    customer: Customer, page: Page
) -> None:
    """The other parts show the call; the table waits until the dates are applied."""
    sign_in(page, customer)
    page.locator("#usage-from").fill("2026-01-01")
    page.locator("#estimate-input").focus()
    call = customer.written_call()
    expect(rows(page, "ledger")).to_have_count(2)
    expect(page.locator("#usage-from")).to_have_value("2026-01-01")
    part(page, "usage").get_by_role("button", name="Apply").click()
    expect(rows(page, "usage").locator(f"[data-copy='{call.request_id}']")).to_be_visible()
