"""How tests sit in front of the Credits page: browsers, signing in, what is shown."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from playwright.sync_api import Browser, Locator, Page, expect

from pricing.money import credits_text
from tests.support.browser import PATIENCE_MS
from tests.support.customer import Customer

SESSION_COOKIE = "tollgate_session"


@contextmanager
def opened_page(browser: Browser, **options: Any) -> Iterator[Page]:
    """A page in a browser's context of its own; no error of its scripts goes unseen."""
    context = browser.new_context(**{"locale": "en-US", "timezone_id": "UTC", **options})
    context.set_default_timeout(PATIENCE_MS)
    page = context.new_page()
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    try:
        yield page
    finally:
        context.close()
    assert errors == []


def leave(page: Page) -> None:
    """Go away from a page that looks for news.

    One that finds its session gone or another's loads itself again, across what a test loads then.
    """
    page.goto("about:blank")


def sign_in(page: Page, customer: Customer) -> None:
    """Follow a new link to the customer's page."""
    leave(page)
    page.goto(customer.link())
    expect(page).to_have_url(f"{customer.url}/console")


def sign_in_by_key(page: Page, customer: Customer, key: str = "") -> None:
    """Type a key of the customer's, by default the first one."""
    page.goto(f"{customer.url}/console")
    page.locator("#api-key").fill(key or customer.key)
    page.get_by_role("button", name="Sign in").click()


def part(page: Page, name: str) -> Locator:
    """A part of the page, as `usage`."""
    return page.locator(f'[data-part="{name}"]')


def rows(page: Page, name: str) -> Locator:
    """The rows of the table of a part."""
    return part(page, name).locator("tbody tr")


def cell(page: Page, name: str, row: int, column: int) -> Locator:
    """A cell of a part's table, both counted from 0."""
    return rows(page, name).nth(row).locator("td").nth(column)


def grouped(amount_mc: int, decimals: int = 2) -> str:
    """An amount as the page writes it: `1,234.50`."""
    whole, _, rest = credits_text(abs(amount_mc)).partition(".")
    sign = "-" if amount_mc < 0 else ""
    return f"{sign}{int(whole):,}.{rest.rstrip('0').ljust(decimals, '0')}"


def mc_of(text: str) -> int:
    """The amount of a text like `+1,234.500`."""
    found = re.search(r"([+-]?)([\d,]+)\.(\d{1,3})", text)
    assert found, text
    amount = int(found[2].replace(",", "")) * 1000 + int(found[3].ljust(3, "0"))
    return -amount if found[1] == "-" else amount


def shows_balance(page: Page, amount_mc: int) -> None:
    """Wait until the card says this."""
    expect(page.locator("#balance-credits")).to_have_text(grouped(amount_mc))


def cookie_of(page: Page, name: str = SESSION_COOKIE) -> str:
    """A cookie of the browser as a header."""
    found = next(one for one in page.context.cookies() if one["name"] == name)
    return f"{name}={found['value']}"
