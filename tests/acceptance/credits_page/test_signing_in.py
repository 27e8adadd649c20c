"""Getting into the Credits page of `tollgate up`, and out again."""

from playwright.sync_api import Page, Route, expect

from tests.support.browser import PATIENCE_MS
from tests.support.credits_page import (
    cookie_of,
    leave,
    rows,
    shows_balance,
    sign_in,
    sign_in_by_key,
)
from tests.support.customer import Customer, send
from tests.support.shop import Shop

LATE_MS = 2000


def test_the_link_of_the_first_run_opens_the_page(shop: Shop, page: Page) -> None:
    """`dev.json` has a link; the address keeps nothing of it, and it works once."""
    link = shop.up.dev["console_url"]
    page.goto(link)
    expect(page).to_have_url(f"{shop.url}/console")
    shows_balance(page, shop.up.balance_mc())
    assert page.evaluate("history.length") <= 2
    leave(page)
    page.context.clear_cookies()
    page.goto(link)
    expect(page.get_by_role("status")).to_contain_text("was used before")
    expect(page.locator("#balance-credits")).to_have_count(0)


def test_a_link_of_the_apps_backend_opens_the_page_of_its_account(
    customer: Customer, page: Page
) -> None:
    """The balance is the API's, and the account's name stands on the page."""
    sign_in(page, customer)
    shows_balance(page, customer.balance_mc())
    expect(page.locator(".account")).to_have_text(customer.name)
    expect(page).to_have_title(f"Credits of {customer.name}")


def test_an_api_key_opens_the_page_and_stays_out_of_it(customer: Customer, page: Page) -> None:
    """The key is neither in the address nor on the page, nor kept by the browser."""
    sign_in_by_key(page, customer)
    expect(page).to_have_url(f"{customer.url}/console")
    shows_balance(page, customer.balance_mc())
    assert customer.key not in page.content()
    cookies = page.context.cookies()
    assert all(one["httpOnly"] and customer.key not in one["value"] for one in cookies)
    assert page.evaluate("[document.cookie, localStorage.length, sessionStorage.length]") == [
        "",
        0,
        0,
    ]


def test_a_wrong_key_is_told_so_and_may_be_typed_again(customer: Customer, page: Page) -> None:
    """A key that is none opens nothing."""
    sign_in_by_key(page, customer, "sk-tg-not-a-key")
    expect(page.get_by_role("status")).to_contain_text("This is no API key of this server")
    sign_in_by_key(page, customer)
    shows_balance(page, customer.balance_mc())


def test_signing_out_ends_the_session_for_every_copy_of_its_cookie(
    customer: Customer, page: Page
) -> None:
    """After it neither this browser nor a copied cookie sees anything."""
    sign_in(page, customer)
    cookie = cookie_of(page)
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("status")).to_have_text("You are signed out.")
    assert page.context.cookies() == []
    page.goto(f"{customer.url}/console")
    expect(page.locator("#api-key")).to_be_visible()
    copied = send("GET", customer.url, "/console", headers={"Cookie": cookie})
    assert copied.status == 401


def test_a_page_that_looks_for_news_does_not_cut_off_signing_out(
    customer: Customer, page: Page
) -> None:
    """It finds the session gone while the answer is still on its way, and lets it come."""
    sign_in(page, customer)
    gone = []
    page.on("response", lambda answer: gone.append(answer.url) if answer.status == 401 else None)

    def late(route: Route) -> None:
        answer = route.fetch(max_redirects=0)
        for _ in range(PATIENCE_MS // LATE_MS):
            page.wait_for_timeout(LATE_MS)  # and time in which the page could go elsewhere
            if gone:
                break
        route.fulfill(response=answer)

    page.route("**/console/logout", late)
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("status")).to_have_text("You are signed out.")
    assert any("/parts/balance" in url for url in gone)


def test_a_receipt_that_does_not_come_does_not_cut_off_signing_out(
    customer: Customer, page: Page
) -> None:
    """Where a dialog cannot be fetched its page is opened, but not from under whoever leaves."""
    customer.written_call()
    sign_in(page, customer)
    held: list[Route] = []

    def hold(route: Route) -> None:
        held.append(route)

    def late(route: Route) -> None:
        answer = route.fetch(max_redirects=0)
        held[0].abort()
        page.wait_for_timeout(LATE_MS)  # and time in which the page could go elsewhere
        route.fulfill(response=answer)

    page.route("**/console/usage/*", hold)
    page.route("**/console/logout", late)
    rows(page, "usage").first.get_by_role("link").click()
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("status")).to_have_text("You are signed out.")
    assert len(held) == 1


def test_an_open_page_goes_to_the_door_when_its_key_is_revoked(
    customer: Customer, page: Page
) -> None:
    """A session by a key ends with the key; the page finds out by itself."""
    sign_in_by_key(page, customer)
    shows_balance(page, customer.balance_mc())
    customer.operator("DELETE", f"/keys/{customer.key_id}")
    expect(page.locator("#api-key")).to_be_visible()
    expect(page.locator("#balance-credits")).to_have_count(0)
