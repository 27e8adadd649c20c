"""The operators' view of `tollgate up`: any account's Credits page, to be looked at only."""

from playwright.sync_api import Browser, Page, expect

from tests.support.credits_page import opened_page, part, rows, shows_balance
from tests.support.customer import Customer, send
from tests.support.shop import Shop


def enter(page: Page, shop: Shop, token: str = "") -> None:
    page.goto(f"{shop.url}/console/operator")
    page.get_by_label("Admin token").fill(token or shop.up.dev["admin_token"])
    page.get_by_role("button", name="Sign in").click()


def test_an_operator_signs_in_and_finds_an_account(
    shop: Shop, customer: Customer, page: Page
) -> None:
    """The list has the newest first; its page is what the customer sees, kept current."""
    call = customer.written_call()
    enter(page, shop)
    expect(page.get_by_role("heading", name="Accounts")).to_be_visible()
    page.locator(f"a[href='/console/accounts/{customer.account_id}']").click()
    expect(page.get_by_text("You see this page as an operator.")).to_be_visible()
    expect(page.locator(".account")).to_have_text(customer.name)
    shows_balance(page, customer.balance_mc())
    expect(rows(page, "usage")).to_have_count(1)
    customer.call()
    shows_balance(page, customer.balance_mc())
    expect(rows(page, "usage")).to_have_count(2)
    page.locator(f"a[href$='/usage/{call.request_id}']").first.click()
    expect(page.get_by_role("dialog")).to_contain_text(call.request_id)


def test_an_operator_changes_nothing_there(shop: Shop, customer: Customer, page: Page) -> None:
    """No form sends anything, no button buys; filters, CSV and the estimator work."""
    enter(page, shop)
    expect(page.get_by_role("heading", name="Accounts")).to_be_visible()
    page.goto(f"{shop.url}/console/accounts/{customer.account_id}")
    shows_balance(page, customer.balance_mc())
    expect(page.locator("form[method=post] button:enabled")).to_have_count(0)
    expect(page.get_by_role("button", name="Buy")).to_have_count(0)
    expect(page.get_by_role("button", name="Revoke")).to_have_count(0)
    expect(page.locator("#save-card, #key-name, #dismiss-low-balance")).to_have_count(0)
    page.locator("#estimate-output").fill("100")
    expect(page.locator("#estimate-result")).to_contain_text("Credits")
    page.locator("#ledger-type").select_option("grant")
    expect(rows(page, "ledger")).to_have_count(1)
    with page.expect_download() as download:
        part(page, "ledger").get_by_role("link", name="CSV").click()
    assert download.value.path().read_text().count("\n") == 2


def test_a_wrong_admin_token_opens_nothing(shop: Shop, customer: Customer, page: Page) -> None:
    """And a customer's key is none."""
    for wrong in ("not the token", customer.key):
        enter(page, shop, wrong)
        expect(page.get_by_role("status")).to_contain_text("This is not the admin token")
    answer = page.goto(f"{shop.url}/console/accounts/{customer.account_id}")
    assert answer is not None
    assert answer.status == 404


def test_an_operator_signs_out(shop: Shop, customer: Customer, page: Page) -> None:
    """The session is over then."""
    enter(page, shop)
    expect(page.get_by_role("heading", name="Accounts")).to_be_visible()
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("status")).to_have_text("You are signed out.")
    answer = page.goto(f"{shop.url}/console/accounts/{customer.account_id}")
    assert answer is not None
    assert answer.status == 404


def test_the_admin_token_as_a_bearer_shows_any_accounts_page(
    shop: Shop, customer: Customer, browser: Browser
) -> None:
    """For programs, and for whoever puts this page into a back office."""
    path = f"/console/accounts/{customer.account_id}"
    bearer = {"Authorization": f"Bearer {shop.up.dev['admin_token']}"}
    answer = send("GET", shop.url, path, headers=bearer)
    assert answer.status == 200
    assert customer.account_id.encode() in answer.body
    assert send("GET", shop.url, path).status == 404
    unknown = send("GET", shop.url, f"/console/accounts/{customer.key_id}", headers=bearer)
    assert unknown.status == 404
    with opened_page(browser, extra_http_headers=bearer) as page:
        page.goto(f"{shop.url}{path}")
        shows_balance(page, customer.balance_mc())
