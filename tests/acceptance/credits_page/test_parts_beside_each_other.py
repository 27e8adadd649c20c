"""Parts of the page leave each other alone: filters, focus, what is away, other tabs."""

from playwright.sync_api import Page, expect

from tests.support.credits_page import part, rows, shows_balance, sign_in
from tests.support.customer import Customer
from tests.support.shop import Shop

UNREACHABLE = ".unreachable"


def newest(page: Page) -> str:
    """The id of the call that the usage table begins with."""
    return rows(page, "usage").first.locator("[data-copy]").get_attribute("data-copy") or ""


def test_the_filter_of_one_table_leaves_those_of_others(customer: Customer, page: Page) -> None:
    """They stand in the address together, and a look at what is new keeps them."""
    customer.written_call(model="gpt-4o")
    customer.written_call(model="gpt-4o-mini")
    sign_in(page, customer)
    page.locator("#usage-model").select_option("gpt-4o")
    expect(rows(page, "usage")).to_have_count(1)
    page.locator("#ledger-type").select_option("grant")
    expect(rows(page, "ledger")).to_have_count(1)
    page.locator("#days-7").click()
    expect(page.locator("#days-7")).to_have_attribute("aria-current", "true")
    expect(page).to_have_url(
        f"{customer.url}/console?model=gpt-4o&type=grant&days=7#spending",
    )
    call = customer.written_call(model="gpt-4o")
    expect(rows(page, "usage")).to_have_count(2)
    assert newest(page) == call.request_id


def test_a_table_in_use_catches_up_when_it_is_left(customer: Customer, page: Page) -> None:
    """Nothing is taken from under somebody's hands, and nothing is forgotten."""
    customer.written_call()
    sign_in(page, customer)
    page.locator("#usage-model").focus()
    customer.written_call()
    shows_balance(page, customer.balance_mc())
    expect(rows(page, "ledger")).to_have_count(3)
    expect(rows(page, "usage")).to_have_count(1)
    page.locator("#ledger-type").focus()
    expect(rows(page, "usage")).to_have_count(2)


def test_what_is_new_leaves_the_focus_where_it_was(customer: Customer, page: Page) -> None:
    """Whoever reads a table by keyboard goes on from the same row, after a receipt too."""
    call = customer.written_call()
    sign_in(page, customer)
    receipt = page.locator(f'#usage a[href$="{call.request_id}"]')
    receipt.focus()
    customer.written_call()
    expect(rows(page, "usage")).to_have_count(2)
    expect(receipt).to_be_focused()
    receipt.press("Enter")
    expect(page.locator("dialog")).to_contain_text("Receipt")
    customer.written_call()
    expect(rows(page, "usage")).to_have_count(3)
    page.keyboard.press("Escape")
    expect(receipt).to_be_focused()


def test_what_was_there_stays_while_the_server_is_away(customer: Customer, page: Page) -> None:
    """It is said to be old, and is right again by itself."""
    customer.written_call()
    sign_in(page, customer)
    away = f"{customer.url}/console/parts/**"
    page.route(away, lambda route: route.fulfill(status=503, body="<h1>Away</h1>"))
    expect(part(page, "balance").locator(UNREACHABLE)).to_be_visible()
    expect(page.locator("#balance-credits")).to_be_visible()
    expect(page.locator("h1")).to_have_count(1)
    expect(rows(page, "usage")).to_have_count(1)
    customer.written_call()
    page.unroute(away)
    expect(rows(page, "usage")).to_have_count(2)
    expect(page.locator(UNREACHABLE)).to_have_count(0)


def test_a_table_that_could_not_be_fetched_is_fetched_again(customer: Customer, page: Page) -> None:
    """The balance has not changed since: the table comes all the same."""
    customer.written_call()
    sign_in(page, customer)
    away = f"{customer.url}/console/parts/usage**"
    page.route(away, lambda route: route.abort())
    customer.written_call()
    shows_balance(page, customer.balance_mc())
    expect(rows(page, "ledger")).to_have_count(3)
    page.unroute(away)
    expect(rows(page, "usage")).to_have_count(2)


def test_a_filter_that_got_no_answer_is_asked_for_again(customer: Customer, page: Page) -> None:
    """Nothing has changed since, and it has the focus: the table is what the address says."""
    customer.written_call()
    sign_in(page, customer)
    expect(rows(page, "ledger")).to_have_count(2)
    page.context.set_offline(True)
    page.locator("#ledger-type").focus()
    page.locator("#ledger-type").select_option("grant")
    expect(part(page, "ledger").locator(UNREACHABLE)).to_be_visible()
    page.context.set_offline(False)
    expect(rows(page, "ledger")).to_have_count(1)
    expect(page.locator(UNREACHABLE)).to_have_count(0)


def test_a_tab_never_shows_two_accounts_together(
    customer: Customer, shop: Shop, page: Page
) -> None:
    """G12: whoever signs in to another account in another tab finds that one in both."""
    sign_in(page, customer)
    other = Customer.new(shop.up, name="Somebody else", credits="77")
    second = page.context.new_page()
    sign_in(second, other)
    page.bring_to_front()
    expect(page.locator(".account")).to_have_text("Somebody else")
    shows_balance(page, 77_000)
