"""The usage table on the Credits page of `tollgate up`: filters, pages, CSV, receipts."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Page, expect

from tests.support.credits_page import (
    cell,
    cookie_of,
    grouped,
    mc_of,
    part,
    rows,
    shows_balance,
    sign_in,
)
from tests.support.customer import Customer
from tests.support.seeded_customer import seeded_customer
from tests.support.shop import Shop

CALLS, DAYS, ROWS = 120, 12, 10


@pytest.fixture(scope="module")
def regular(shop: Shop) -> Customer:
    """Somebody with 120 calls of two models by three keys on twelve days."""
    return seeded_customer(shop.up, calls=CALLS, days=DAYS, seed_number=11)


def asked(page: Page) -> dict[str, str]:
    """What the address asks for."""
    return {name: values[0] for name, values in parse_qs(urlsplit(page.url).query).items()}


def day(ago: int) -> str:
    return (datetime.now(UTC) - timedelta(days=ago)).date().isoformat()


def shown_ids(page: Page) -> list[str]:
    """The request ids of the rows, in their order."""
    buttons = rows(page, "usage").locator("[data-copy]")
    return [button.get_attribute("data-copy") or "" for button in buttons.all()]


def shows(page: Page, ids: list[str]) -> None:
    """Wait until these are the rows."""
    expect(rows(page, "usage")).to_have_count(min(len(ids), ROWS))
    buttons = rows(page, "usage").locator("[data-copy]")
    for place, request_id in enumerate(ids[:ROWS]):
        expect(buttons.nth(place)).to_have_attribute("data-copy", request_id)


def ids_of(customer: Customer, filters: str = "") -> list[str]:
    return [row["requestId"] for row in customer.rows("usage", filters)]


def a_key(customer: Customer) -> str:
    """One of the keys that made the calls."""
    return str(customer.rows("usage")[0]["keyId"])


def by_model(page: Page, customer: Customer) -> str:
    page.locator("#usage-model").select_option("gpt-4o")
    return "&model=gpt-4o"


def by_key(page: Page, customer: Customer) -> str:
    key_id = a_key(customer)
    page.locator("#usage-key").select_option(key_id)
    return f"&keyId={key_id}"


def by_dates(page: Page, customer: Customer) -> str:
    page.locator("#usage-from").fill(day(6))
    page.locator("#usage-to").fill(day(4))
    part(page, "usage").get_by_role("button", name="Apply").click()
    return f"&from={day(6)}&to={day(3)}"


def by_all_three(page: Page, customer: Customer) -> str:
    page.locator("#usage-from").fill(day(9))
    page.locator("#usage-to").fill(day(2))
    key_id = a_key(customer)
    part(page, "usage").get_by_role("button", name="Apply").click()
    page.locator("#usage-model").select_option("gpt-4o-mini")
    expect(page.locator("#usage-model")).to_have_value("gpt-4o-mini")
    page.locator("#usage-key").select_option(key_id)
    return f"&from={day(9)}&to={day(1)}&model=gpt-4o-mini&keyId={key_id}"


@pytest.mark.parametrize("choose", [by_model, by_key, by_dates, by_all_three])
def test_filters_stand_in_the_address_and_csv_has_exactly_those_rows(
    regular: Customer, page: Page, choose: Callable[[Page, Customer], str]
) -> None:
    """Table, address, CSV and API say the same; loading again keeps it, Back takes it off."""
    sign_in(page, regular)
    everything = ids_of(regular)
    shows(page, everything)
    filters = choose(page, regular)
    wanted = ids_of(regular, filters)
    assert 0 < len(wanted) < len(everything) == CALLS
    shows(page, wanted)
    names = {pair.partition("=")[0] for pair in filters[1:].split("&")}
    assert names <= set(asked(page))

    page.reload()
    shows(page, wanted)
    link = part(page, "usage").get_by_role("link", name="CSV").get_attribute("href") or ""
    table = regular.csv_rows(link, cookie_of(page))
    listed = regular.rows("usage", filters)
    assert [one["request_id"] for one in table] == wanted
    assert [one["charged_millicredits"] for one in table] == [
        one["chargedMillicredits"] for one in listed
    ]
    while set(asked(page)) & {"from", "to", "model", "keyId"}:
        before = page.url
        page.go_back()
        expect(page).not_to_have_url(before)
    shows(page, everything)


def test_filters_are_taken_off_with_one_click(regular: Customer, page: Page) -> None:
    """Where nothing matches the page says so, and leads back to all calls."""
    sign_in(page, regular)
    page.goto(f"{regular.url}/console?model=gpt-4o&to=2020-01-01")
    expect(part(page, "usage")).to_contain_text("No calls match.")
    part(page, "usage").get_by_role("link", name="Show all calls").click()
    shows(page, ids_of(regular))
    page.locator("#usage-model").select_option("gpt-4o")
    expect(page.locator("#usage-clear")).to_be_visible()
    page.locator("#usage-clear").click()
    shows(page, ids_of(regular))
    assert asked(page) == {}


def test_a_wrong_filter_is_said_in_the_part_and_nowhere_else(regular: Customer, page: Page) -> None:
    """An address that somebody has typed: the rest of the page is there."""
    sign_in(page, regular)
    page.goto(f"{regular.url}/console?from=yesterday")
    expect(part(page, "usage").get_by_role("alert")).to_contain_text("From must be a time")
    shows_balance(page, regular.balance_mc())
    expect(rows(page, "ledger")).to_have_count(ROWS)


def test_older_and_newest_walk_through_all_calls_once(regular: Customer, page: Page) -> None:
    """Twelve pages of ten: each call once, in the API's order; Newest leads back."""
    sign_in(page, regular)
    wanted = ids_of(regular)
    found: list[str] = []
    for start in range(0, CALLS, ROWS):
        shows(page, wanted[start : start + ROWS])
        found += shown_ids(page)
        if start + ROWS < CALLS:
            page.locator("#usage-older").click()
    assert found == wanted
    expect(page.locator("#usage-older")).to_have_count(0)
    page.locator("#usage-newest").click()
    shows(page, wanted)


def test_an_older_page_stays_while_new_calls_are_made(regular: Customer, page: Page) -> None:
    """What somebody reads is not taken from under their eyes; the balance goes on."""
    sign_in(page, regular)
    page.locator("#usage-older").click()
    wanted = ids_of(regular)[ROWS : 2 * ROWS]
    shows(page, wanted)
    regular.written_call()
    shows_balance(page, regular.balance_mc())
    shows(page, wanted)


def test_a_row_opens_its_receipt_which_anybody_can_recompute(
    customer: Customer, page: Page
) -> None:
    """Units times rate, line by line; the sum, rounded up, is the charge of the API."""
    call = customer.written_call(model="gpt-4o", output_tokens=123)
    sign_in(page, customer)
    rows(page, "usage").first.locator("td").nth(3).click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_role("heading", name="Receipt")).to_be_visible()
    lines = [
        [Decimal(text.replace(",", "")) for text in line.locator("td").all_inner_texts()]
        for line in dialog.locator("tbody tr").all()
    ]
    for units, rate, amount in lines:
        assert units * rate / 1000 == amount
    total = sum((amount for _, _, amount in lines), Decimal(0))
    charged_mc = mc_of(dialog.locator(".sum td").inner_text())
    assert charged_mc == call.charged_mc
    assert 0 <= charged_mc - total * 1000 < 1
    expect(dialog).to_contain_text(call.request_id)
    expect(dialog).to_contain_text(customer.ask("GET", "/rates")["rateVersion"])
    expect(dialog).to_contain_text("First key")


def test_a_receipt_is_a_page_too(customer: Customer, page: Page) -> None:
    """Its link can be opened by itself."""
    call = customer.written_call()
    sign_in(page, customer)
    link = rows(page, "usage").first.locator("a[data-dialog]").get_attribute("href")
    page.goto(f"{customer.url}{link}")
    expect(page.locator(".sum td")).to_have_text(grouped(call.charged_mc, 3))
    page.get_by_role("link", name="Back to your credits").click()
    shows_balance(page, customer.balance_mc())


def test_a_request_id_is_copied_by_a_click(customer: Customer, page: Page) -> None:
    """The whole id, although the table shows its ends; and it is said aloud."""
    call = customer.written_call()
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    sign_in(page, customer)
    page.get_by_role("button", name=f"Copy request ID {call.request_id}").click()
    expect(page.locator("#said")).to_have_text("Copied.")
    assert page.evaluate("navigator.clipboard.readText()") == call.request_id
    expect(page.get_by_role("dialog")).to_have_count(0)


def test_a_row_is_found_by_its_whole_request_id(customer: Customer, page: Page) -> None:
    """The id of an answer's header, in the usage and in the ledger; only its ends take room."""
    call = customer.written_call()
    sign_in(page, customer)
    for name in ("usage", "ledger"):
        row = rows(page, name).filter(has_text=call.request_id)
        expect(row).to_have_count(1)
        box = row.locator("code").bounding_box()
        assert box is not None
        assert 80 < box["width"] < 160


def test_days_in_the_wrong_order_are_not_sent(customer: Customer, page: Page) -> None:
    """The table and what was typed stay; the browser says what is wrong, beside the field."""
    customer.written_call()
    sign_in(page, customer)
    page.locator("#usage-from").fill("2026-12-05")
    page.locator("#usage-to").fill("2026-11-01")
    part(page, "usage").get_by_role("button", name="Apply").click()
    assert page.locator("#usage-to").evaluate("field => field.validity.rangeUnderflow")
    expect(rows(page, "usage")).to_have_count(1)
    assert asked(page) == {}
    page.goto(f"{customer.url}/console?from=2026-12-05&to=2026-11-01")
    expect(part(page, "usage")).to_contain_text("From must not be after to.")


def test_what_cannot_be_copied_is_said_where_it_was_clicked(customer: Customer, page: Page) -> None:
    """A browser may refuse both ways."""
    customer.written_call()
    sign_in(page, customer)
    page.evaluate(
        "navigator.clipboard.writeText = () => Promise.reject(); document.execCommand = () => false"
    )
    button = rows(page, "usage").first.locator("[data-copy]")
    button.click()
    expect(page.locator("#said")).to_have_text("It could not be copied.")
    assert "not copied" in button.evaluate("one => getComputedStyle(one, '::after').content")


def test_a_ledger_row_leads_to_the_receipt_and_its_csv_is_the_ledger(
    customer: Customer, page: Page
) -> None:
    """Filtered by type in the address; the CSV has the API's rows."""
    call = customer.written_call()
    sign_in(page, customer)
    page.locator("#ledger-type").select_option("usage")
    expect(rows(page, "ledger")).to_have_count(1)
    assert asked(page) == {"type": "usage"}
    link = part(page, "ledger").get_by_role("link", name="CSV").get_attribute("href") or ""
    table = customer.csv_rows(link, cookie_of(page))
    assert [(one["ref"], one["amount_millicredits"]) for one in table] == [
        (call.request_id, str(-call.charged_mc))
    ]
    cell(page, "ledger", 0, 4).get_by_role("link").click()
    expect(page.get_by_role("dialog")).to_contain_text(call.request_id)


def test_the_chart_says_in_words_and_in_a_table_what_the_api_says(
    regular: Customer, page: Page
) -> None:
    """Readable without colour and without seeing it; ranges stand in the address."""
    sign_in(page, regular)
    spending = part(page, "spending")
    charged_mc = sum(int(row["chargedMillicredits"]) for row in regular.rows("usage"))
    expect(spending.locator("figcaption")).to_contain_text(f"{grouped(charged_mc)} credits")
    expect(spending.locator("figcaption")).to_contain_text("At this pace")
    titles = spending.locator(".chart-wide .hit title").all_text_contents()
    of_several = [title.split("\n") for title in titles if "\n" in title]
    assert of_several
    for total, *models in of_several:
        of_models = [one.rpartition(": ")[2] for one in models]
        assert sum(map(mc_of, of_models)) == mc_of(total.partition(": ")[2])
    spending.get_by_text("Show as a table").click()
    amounts = spending.locator("tbody tr td:nth-child(4)").all_inner_texts()
    assert sum(map(mc_of, amounts)) == charged_mc
    page.locator("#days-7").click()
    expect(page.locator("#days-7")).to_have_attribute("aria-current", "true")
    assert asked(page)["days"] == "7"
    expect(spending.locator("figcaption")).not_to_contain_text(f"{grouped(charged_mc)} credits")
