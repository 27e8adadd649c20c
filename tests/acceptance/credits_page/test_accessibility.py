"""axe-core finds nothing on any page of `tollgate up`, in any state, light or dark."""

import re
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.support.accessibility import TWO_LOOKS, rules_passed, violations
from tests.support.credits_page import opened_page, part, rows, sign_in
from tests.support.customer import Customer
from tests.support.seeded_customer import seeded_customer
from tests.support.shop import Shop

# (the page, whose it is, the stack)
Reach = Callable[[Page, Customer, Shop], None]


@pytest.fixture(scope="module")
def regular(shop: Shop) -> Customer:
    """Somebody with a full chart, full tables, several keys, one of them revoked."""
    customer = seeded_customer(shop.up, calls=200, days=14, seed_number=12)
    revoked, _ = customer.new_key("Old")
    customer.operator("DELETE", f"/keys/{revoked}")
    return customer


@pytest.fixture(scope="module")
def session(browser: Browser, regular: Customer) -> Iterator[Page]:
    """A browser that is signed in, for all tests here; each begins at the page it needs."""
    with opened_page(browser) as page:
        sign_in(page, regular)
        yield page


def tables_behind_opened(page: Page, customer: Customer, shop: Shop) -> None:
    for summary in page.locator("summary").all():
        summary.click()
    expect(part(page, "spending").locator("table")).to_be_visible()


def a_receipt_in_its_dialog(page: Page, customer: Customer, shop: Shop) -> None:
    rows(page, "usage").first.locator("a").click()
    expect(page.get_by_role("dialog")).to_be_visible()


def a_question_in_its_dialog(page: Page, customer: Customer, shop: Shop) -> None:
    page.get_by_role("button", name="Revoke First key").click()
    expect(page.get_by_role("dialog")).to_be_visible()


def a_receipt(page: Page, customer: Customer, shop: Shop) -> None:
    request_id = customer.rows("usage")[0]["requestId"]
    page.goto(f"{customer.url}/console/usage/{request_id}")


def the_page_that_asks_before_revoking(page: Page, customer: Customer, shop: Shop) -> None:
    page.goto(f"{customer.url}/console/keys/{customer.key_id}/revoke")


def the_page_of_a_limit_that_is_wrong(page: Page, customer: Customer, shop: Shop) -> None:
    page.goto(f"{customer.url}/console/keys/{customer.key_id}/limit")
    page.locator("#limit").fill("lots")
    page.get_by_role("button", name="Save").click()
    expect(page.locator("#limit")).to_have_attribute("aria-invalid", "true")


def a_key_that_was_just_made(page: Page, customer: Customer, shop: Shop) -> None:
    page.locator("#key-name").fill("Accessible")
    page.get_by_role("button", name="Create key").click()
    expect(page.locator("#new-key")).to_be_visible()


def settings_that_are_wrong(page: Page, customer: Customer, shop: Shop) -> None:
    page.locator("#threshold").fill("five hundred")
    part(page, "settings").get_by_role("button", name="Save", exact=True).first.click()
    expect(page.locator("#threshold")).to_have_attribute("aria-invalid", "true")


def a_part_that_failed(page: Page, customer: Customer, shop: Shop) -> None:
    page.goto(f"{customer.url}/console?from=yesterday")
    expect(part(page, "usage").get_by_role("alert")).to_be_visible()


def a_part_that_cannot_be_reached(page: Page, customer: Customer, shop: Shop) -> None:
    page.route("**/parts/*", lambda route: route.abort())
    page.locator("#days-7").click()
    expect(part(page, "spending").get_by_role("alert")).to_be_visible()
    page.unroute("**/parts/*")


def no_calls_that_match(page: Page, customer: Customer, shop: Shop) -> None:
    page.goto(f"{customer.url}/console?to=2020-01-01&type=refund")
    expect(part(page, "usage")).to_contain_text("No calls match.")


def a_cancelled_checkout(page: Page, customer: Customer, shop: Shop) -> None:
    checkout = customer.ask("POST", "/checkout", {"packageId": "starter"})
    page.goto(f"{customer.url}/console?checkout={checkout['purchaseId']}&cancelled=1")
    expect(part(page, "news")).to_contain_text("Checkout cancelled")


def a_setting_that_was_saved(page: Page, customer: Customer, shop: Shop) -> None:
    page.goto(f"{customer.url}/console?saved=settings")
    expect(part(page, "news")).to_contain_text("Your settings are saved.")


def a_page_that_is_not_there(page: Page, customer: Customer, shop: Shop) -> None:
    page.goto(f"{customer.url}/console/usage/none")
    expect(page.get_by_role("heading", name="Not found")).to_be_visible()


STATES = [
    *(tables_behind_opened, a_receipt_in_its_dialog, a_question_in_its_dialog),
    *(a_receipt, the_page_that_asks_before_revoking, the_page_of_a_limit_that_is_wrong),
    *(a_key_that_was_just_made, settings_that_are_wrong, a_part_that_failed),
    *(a_part_that_cannot_be_reached, no_calls_that_match, a_cancelled_checkout),
    *(a_setting_that_was_saved, a_page_that_is_not_there),
]


def test_axe_finds_nothing_on_the_full_page(regular: Customer, session: Page) -> None:
    """In four looks: light and dark, 1280 px and 375 px; best practices count."""
    session.goto(f"{regular.url}/console")
    expect(part(session, "spending").locator("figure")).to_be_visible()
    assert violations(session) == []


@pytest.mark.parametrize("reach", STATES)
def test_axe_finds_nothing_on_the_page_in_this_state(
    regular: Customer, session: Page, shop: Shop, reach: Reach
) -> None:
    """Light on a laptop, dark on a phone."""
    session.goto(f"{regular.url}/console")
    reach(session, regular, shop)
    assert violations(session, TWO_LOOKS) == []


def the_door(page: Page, customer: Customer, shop: Shop) -> None:
    page.goto(f"{shop.url}/console")


def a_wrong_key(page: Page, customer: Customer, shop: Shop) -> None:
    page.goto(f"{shop.url}/console")
    page.locator("#api-key").fill("sk-tg-none")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("status")).to_be_visible()


def a_checkout_seen_signed_out(page: Page, customer: Customer, shop: Shop) -> None:
    checkout = customer.ask("POST", "/checkout", {"packageId": "starter"})
    page.goto(checkout["url"])
    page.get_by_role("button", name="Cancel").click()
    expect(page.get_by_role("heading", name="Checkout cancelled")).to_be_visible()


def an_empty_page_with_a_banner(page: Page, customer: Customer, shop: Shop) -> None:
    newcomer = Customer.new(shop.up)
    newcomer.wait_until_low()
    sign_in(page, newcomer)
    expect(page.locator("#dismiss-low-balance")).to_be_visible()


def the_operators_door(page: Page, customer: Customer, shop: Shop) -> None:
    page.goto(f"{shop.url}/console/operator")


def the_list_of_accounts(page: Page, customer: Customer, shop: Shop) -> None:
    page.goto(f"{shop.url}/console/operator")
    page.get_by_label("Admin token").fill(shop.up.dev["admin_token"])
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("table")).to_be_visible()


def an_account_as_an_operator_sees_it(page: Page, customer: Customer, shop: Shop) -> None:
    the_list_of_accounts(page, customer, shop)
    page.goto(f"{shop.url}/console/accounts/{customer.account_id}")
    expect(page.get_by_text("You see this page as an operator.")).to_be_visible()


DOORS = [
    *(the_door, a_wrong_key, a_checkout_seen_signed_out, an_empty_page_with_a_banner),
    *(the_operators_door, the_list_of_accounts, an_account_as_an_operator_sees_it),
]


@pytest.mark.parametrize("reach", DOORS)
def test_axe_finds_nothing_on_the_way_in_and_for_operators(
    regular: Customer, page: Page, shop: Shop, reach: Reach
) -> None:
    """The same for pages that need no session, or another one."""
    reach(page, regular, shop)
    assert violations(page, TWO_LOOKS) == []


def test_axe_finds_nothing_where_the_payment_is_a_link(regular: Customer, browser: Browser) -> None:
    """The page in between, for browsers without scripts; seen by one that has them."""
    with opened_page(browser) as page:
        sign_in(page, regular)
        page.evaluate("document.querySelector('[data-buy]').removeAttribute('data-buy')")
        page.locator("#buy-starter").click()
        expect(page.get_by_role("link", name="Continue to the payment")).to_be_visible()
        assert violations(page, TWO_LOOKS) == []


def test_axe_judges_what_it_should_and_finds_what_is_wrong(
    session: Page, regular: Customer
) -> None:
    """These tests can fail: a field without a label and pale text are found."""
    session.goto(f"{regular.url}/console")
    assert rules_passed(session) > {"color-contrast", "label", "region", "svg-img-alt", "list"}
    session.evaluate(
        """() => {
            document.querySelector("label[for=threshold]").remove();
            document.querySelector("h2").style.color = "silver";
        }"""
    )
    found = " ".join(violations(session, TWO_LOOKS[:1]))
    assert re.search(r"\blabel:", found)
    assert "color-contrast" in found
