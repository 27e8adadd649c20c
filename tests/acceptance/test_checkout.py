"""Buying credits from `tollgate up` in a real browser: pay, come back, cancel, be declined."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.support.browser import opened_browser
from tests.support.engine_checks import eventually
from tests.support.engines import reachable_folder
from tests.support.shop import SETTINGS, Shop
from tests.support.up import Up, running_up

STARTER_MC = 9_990_000


@pytest.fixture(scope="module")
def shop(chromium: str) -> Iterator[Shop]:
    """One stack for all tests here; each compares with the balance that it finds."""
    with reachable_folder() as folder, running_up(folder / "state", **SETTINGS) as up:
        yield Shop(up)


@pytest.fixture(scope="module")
def browser(chromium: str) -> Iterator[BrowserContext]:
    with opened_browser(chromium) as context:
        yield context


@pytest.fixture
def page(browser: BrowserContext) -> Iterator[Page]:
    opened = browser.new_page()
    yield opened
    opened.close()


def grouped(amount_mc: int) -> str:
    return f"{amount_mc // 1000:,}.{str(amount_mc % 1000).zfill(3).rstrip('0').ljust(2, '0')}"


def test_a_payment_comes_back_to_the_new_balance_and_a_receipt(shop: Shop, page: Page) -> None:
    """Done when 1: from `make run`, by the API, paid in a browser; the receipt is on the row."""
    before_mc = shop.up.balance_mc()
    checkout = shop.begin()
    page.goto(checkout["url"])
    page.get_by_role("button", name="Pay").click()
    page.wait_for_url(f"{shop.url}/console/checkout/**")
    expect(page.get_by_role("heading", name="Payment received")).to_be_visible()
    expect(page.get_by_text("9,990.00 credits", exact=True)).to_be_visible()
    expect(page.locator(".balance")).to_contain_text(grouped(before_mc + STARTER_MC))
    assert shop.up.balance_mc() == before_mc + STARTER_MC

    eventually(lambda: shop.purchase(checkout["checkoutId"])["receiptUrl"] is not None)
    bought = shop.purchase(checkout["checkoutId"])
    assert (bought["status"], bought["creditedMillicredits"]) == ("paid", str(STARTER_MC))
    row = shop.ask("GET", "/ledger?type=purchase&limit=1")["data"][0]
    assert (row["amountMillicredits"], row["ref"]) == (str(STARTER_MC), bought["purchaseId"])
    assert row["receiptUrl"] == bought["receiptUrl"]
    page.goto(row["receiptUrl"])
    expect(page.get_by_text("$9.99").first).to_be_visible()


def test_cancel_is_friendly_and_grants_nothing(shop: Shop, page: Page) -> None:
    """Done when 1: cancelled, nothing charged, and the way back to the same checkout."""
    before_mc = shop.up.balance_mc()
    checkout = shop.begin()
    page.goto(checkout["url"])
    page.get_by_role("button", name="Cancel").click()
    expect(page.get_by_text("Checkout cancelled, nothing was charged.")).to_be_visible()
    assert shop.up.balance_mc() == before_mc
    assert shop.purchase(checkout["checkoutId"])["status"] in ("created", "open")
    page.get_by_role("link", name="Go back to the checkout").click()
    expect(page.get_by_role("button", name="Pay")).to_be_visible()


def test_a_declined_card_grants_nothing_and_another_one_does(shop: Shop, page: Page) -> None:
    """A decline leaves the page open."""
    before_mc = shop.up.balance_mc()
    checkout = shop.begin("professional")
    page.goto(checkout["url"])
    page.get_by_role("button", name="Decline").click()
    expect(page.get_by_role("alert")).to_contain_text("declined")
    assert shop.up.balance_mc() == before_mc
    page.get_by_role("button", name="Pay").click()
    expect(page.get_by_text("52,489.00 credits", exact=True)).to_be_visible()
    assert shop.up.balance_mc() == before_mc + 52_489_000
    newest = shop.ask("GET", "/ledger?limit=2")["data"]
    assert {row["type"]: row["amountMillicredits"] for row in newest} == {
        "purchase": "49990000",
        "bonus": "2499000",
    }


def test_a_double_click_is_one_checkout_that_needs_its_token(shop: Shop, page: Page) -> None:
    """One session for two clicks; the page of a purchase needs its token."""
    first, second = shop.begin("enterprise"), shop.begin("enterprise")
    assert first == second
    root = shop.url
    address = f"{root}/console/checkout/{first['purchaseId']}"
    for wrong in (address, f"{address}?token={'0' * 40}", f"{root}/console/checkout/none?token=x"):
        response = page.goto(wrong)
        assert response is not None
        assert response.status == 404
        expect(page.get_by_role("heading", name="No such checkout")).to_be_visible()


def test_credits_show_at_once_although_no_webhook_comes(shop: Shop, page: Page) -> None:
    """Never lost: coming back asks Stripe; the webhook that comes later adds nothing."""
    before_mc = shop.up.balance_mc()
    checkout = shop.begin()
    shop.drop_webhooks()
    try:
        page.goto(checkout["url"])
        page.get_by_role("button", name="Pay").click()
        expect(page.get_by_role("heading", name="Payment received")).to_be_visible()
        assert shop.up.balance_mc() == before_mc + STARTER_MC
    finally:
        shop.drop_webhooks(drop=False)
    sent = shop.stripe("POST", "/events/send", {"copies": 3})["sending"]
    assert sent
    eventually(lambda: shop.purchase(checkout["checkoutId"])["receiptUrl"] is not None)
    assert shop.up.balance_mc() == before_mc + STARTER_MC


def test_a_payment_by_bank_is_credited_when_it_arrives(shop: Shop, page: Page) -> None:
    """Not paid yet: the page says so, looks again by itself, and shows the credits in the end."""
    before_mc = shop.up.balance_mc()
    shop.stripe("PUT", "/page", {"bank_delay_s": 3600})
    checkout = shop.begin()
    page.goto(checkout["url"])
    page.get_by_role("button", name=re.compile("^Bank transfer: succeeds")).click()
    expect(page.get_by_role("heading", name="being processed")).to_be_visible()
    assert shop.up.balance_mc() == before_mc
    shop.stripe("POST", f"/sessions/{checkout['checkoutId']}/settle")
    expect(page.get_by_role("heading", name="Payment received")).to_be_visible()
    assert shop.up.balance_mc() == before_mc + STARTER_MC


def test_a_bad_packages_file_is_refused_by_file_key_and_reason(tmp_path: Path) -> None:
    """Packages are checked at the start: nothing starts with a table that is wrong."""
    config = tmp_path / "config"
    config.mkdir()
    shipped = Path(__file__).parents[2] / "config"
    for name in ("tollgate.toml", "rates.toml", "packages.toml"):
        (config / name).write_bytes((shipped / name).read_bytes())
    packages = config / "packages.toml"
    packages.write_text(packages.read_text().replace('"9.99"', '"9,99"'))
    up = Up(tmp_path / "state", TOLLGATE_CONFIG_DIR=str(config))
    assert up.end() == 78
    assert f"{packages}: packages.starter.price: '9,99' is not a price" in up.said
    assert up.said.count("\n") == 1
