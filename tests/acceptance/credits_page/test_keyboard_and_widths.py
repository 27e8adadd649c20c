"""The Credits page of `tollgate up` by keyboard alone, and in windows of all widths."""

from collections.abc import Iterator
from itertools import groupby
from operator import itemgetter
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.support.accessibility import HEIGHT, scrolls_sideways
from tests.support.credits_page import opened_page, part, rows, sign_in
from tests.support.customer import Customer
from tests.support.seeded_customer import seeded_customer
from tests.support.shop import Shop

# All that somebody with a mouse can use. Of a group of radio buttons Tab reaches the chosen one.
_MARK_ALL = """() => {
    const fields = "input:not([type=hidden]), select, textarea, summary, [tabindex='0']";
    let number = 0;
    for (const one of document.querySelectorAll(`a[href], button, ${fields}`)) {
        const isOut = one.disabled || !one.checkVisibility() || one.closest("dialog");
        if (isOut || (one.type === "radio" && !one.checked)) continue;
        one.dataset.number = number++;
    }
    return number;
}"""
_FOCUSED = """() => {
    const style = getComputedStyle(document.activeElement);
    const isSeen = style.outlineStyle !== "none" && parseFloat(style.outlineWidth) > 0;
    const element = document.activeElement.outerHTML.slice(0, 100);
    return {number: document.activeElement.dataset.number ?? null, isSeen, element};
}"""
# Texts of cells that stand on another's of their row, or beyond their table.
_COLLISIONS = """rows => rows.flatMap(row => {
    const end = row.closest(".wide").getBoundingClientRect().right;
    const boxes = [...row.children].map(cell => {
        const range = document.createRange();
        range.selectNodeContents(cell);
        return {text: cell.innerText, ...range.getBoundingClientRect().toJSON()};
    }).filter(box => box.width);
    const overlap = (one, other, low, high) =>
        one[low] < other[high] - 1 && other[low] < one[high] - 1;
    const isOn = (one, other) => one !== other
        && overlap(one, other, "left", "right") && overlap(one, other, "top", "bottom");
    return boxes.filter(one => one.right > end + 1 || boxes.some(other => isOn(one, other)))
        .map(box => box.text);
})"""


@pytest.fixture(scope="module")
def regular(shop: Shop) -> Customer:
    """Somebody whose page is full."""
    return seeded_customer(shop.up, calls=60, days=14, seed_number=13)


@pytest.fixture(scope="module")
def session(browser: Browser, regular: Customer) -> Iterator[Page]:
    with opened_page(browser) as page:
        sign_in(page, regular)
        yield page


def test_tab_reaches_everything_in_the_order_of_the_page_and_it_is_seen(
    regular: Customer, session: Page
) -> None:
    """Each link, button and field once, first to last, with an outline around it."""
    session.goto(f"{regular.url}/console")
    count: int = session.evaluate(_MARK_ALL)
    assert count > 60
    last, reached = {"number": ""}, list[dict[str, Any]]()
    while last["number"] != str(count - 1) and len(reached) < 2 * count:
        session.keyboard.press("Tab")
        last = session.evaluate(_FOCUSED)
        reached.append(last)
    # A field for a date is several stops; at its calendar's button the browser outlines that.
    stops = [list(stop) for _, stop in groupby(reached, key=itemgetter("number"))]
    assert [stop[0]["number"] for stop in stops] == [str(number) for number in range(count)]
    assert [stop[0] for stop in stops if not any(one["isSeen"] for one in stop)] == []


def test_the_skip_link_leads_past_the_head_of_the_page(regular: Customer, session: Page) -> None:
    """The first thing that Tab reaches; it is seen then."""
    session.goto(f"{regular.url}/console")
    session.keyboard.press("Tab")
    skip = session.get_by_role("link", name="Skip to your credits")
    expect(skip).to_be_focused()
    expect(skip).to_be_in_viewport()
    session.keyboard.press("Enter")
    expect(session.locator("#main")).to_be_focused()
    session.keyboard.press("Tab")
    assert session.evaluate("document.activeElement.closest('main') !== null")


def test_a_dialog_takes_the_focus_and_gives_it_back(regular: Customer, session: Page) -> None:
    """Enter opens the receipt, Tab stays in it, Escape closes it and leads back to the row."""
    session.goto(f"{regular.url}/console")
    link = rows(session, "usage").first.locator("a[data-dialog]")
    link.focus()
    session.keyboard.press("Enter")
    dialog = session.get_by_role("dialog", name="Receipt")
    expect(dialog).to_be_visible()
    for _ in range(6):
        session.keyboard.press("Tab")
        assert session.evaluate(
            "document.activeElement === document.body || !!document.activeElement.closest('dialog')"
        )
    session.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    expect(link).to_be_focused()


def test_a_filter_keeps_the_focus_when_its_part_is_fetched_again(
    regular: Customer, session: Page
) -> None:
    """Whoever chooses a model by keyboard goes on from there."""
    session.goto(f"{regular.url}/console")
    session.locator("#usage-model").focus()
    session.locator("#usage-model").select_option("gpt-4o")
    expect(session.locator("#usage-clear")).to_be_visible()
    expect(session.locator("#usage-model")).to_be_focused()
    session.locator("#usage-clear").press("Enter")
    expect(session.locator("#usage-clear")).to_have_count(0)
    assert session.evaluate("document.activeElement.closest('[data-part=usage]') !== null")


@pytest.mark.parametrize("width", [320, 375, 768, 1280, 1920])
def test_no_page_scrolls_sideways(regular: Customer, session: Page, shop: Shop, width: int) -> None:
    """Wide tables scroll within themselves; the document never does."""
    session.set_viewport_size({"width": width, "height": HEIGHT})
    session.goto(f"{regular.url}/console")
    for summary in session.locator("summary").all():
        summary.click()
    assert not scrolls_sideways(session)
    rows(session, "usage").first.locator("a[data-dialog]").click()
    expect(session.get_by_role("dialog")).to_be_visible()
    assert not scrolls_sideways(session)
    request_id = regular.rows("usage")[0]["requestId"]
    for path in (f"/usage/{request_id}", f"/keys/{regular.key_id}/revoke", "/operator", "?from=x"):
        session.goto(f"{regular.url}/console{path}")
        assert not scrolls_sideways(session), path


@pytest.mark.parametrize("width", [320, 375, 768, 1152])
def test_the_head_of_the_page_ends_at_its_right_edge(
    regular: Customer, session: Page, width: int
) -> None:
    """Name on the left, sign-out on the right, in one line also on a phone."""
    session.set_viewport_size({"width": width, "height": HEIGHT})
    session.goto(f"{regular.url}/console")
    button = session.get_by_role("button", name="Sign out").bounding_box()
    brand = session.locator(".brand").bounding_box()
    assert button is not None
    assert brand is not None
    assert width - 20 <= button["x"] + button["width"] <= width - 12
    assert brand["x"] <= 20
    assert abs((brand["y"] + brand["height"] / 2) - (button["y"] + button["height"] / 2)) < 12


@pytest.mark.parametrize("width", [320, 375, 640])
def test_amounts_stand_beside_or_below_what_they_belong_to_on_a_phone(
    shop: Shop, browser: Browser, width: int
) -> None:
    """Large amounts, dates and names do not stand on each other, and none leaves the card."""
    customer = Customer.new(shop.up, credits="9007199254")
    customer.new_key("a key with a name of some length")
    customer.written_call()
    with opened_page(browser, viewport={"width": width, "height": HEIGHT}) as page:
        sign_in(page, customer)
        for name in ("usage", "ledger", "keys"):
            expect(rows(page, name)).not_to_have_count(0)
            assert rows(page, name).evaluate_all(_COLLISIONS) == [], name


@pytest.mark.parametrize("width", [375, 1280])
def test_a_receipt_fits_its_dialog(regular: Customer, session: Page, width: int) -> None:
    """What a call has cost is the last column: it is seen without scrolling."""
    session.set_viewport_size({"width": width, "height": HEIGHT})
    session.goto(f"{regular.url}/console")
    rows(session, "usage").first.locator("a[data-dialog]").click()
    expect(session.get_by_role("dialog")).to_be_visible()
    wide = session.locator("dialog .wide")
    assert wide.evaluate("wide => wide.scrollWidth <= wide.clientWidth")


@pytest.mark.parametrize("name", ["rates", "usage"])
def test_a_long_name_of_a_model_leaves_the_numbers_in_sight(
    regular: Customer, session: Page, name: str
) -> None:
    """Operators name models as their makers do: long, and without a space."""
    session.set_viewport_size({"width": 1280, "height": HEIGHT})
    session.goto(f"{regular.url}/console")
    wide = part(session, name).locator(".wide")
    wide.locator("tbody th, .name").first.evaluate("cell => { cell.append('model-'.repeat(40)); }")
    assert wide.evaluate("wide => wide.scrollWidth <= wide.clientWidth")


def test_all_text_is_as_large_as_people_have_set_it(regular: Customer, session: Page) -> None:
    """A browser's own size of text counts for each text, not only for headings."""
    session.set_viewport_size({"width": 375, "height": HEIGHT})
    session.goto(f"{regular.url}/console")
    session.evaluate("document.documentElement.style.fontSize = '32px'")
    sizes: list[float] = session.locator("main :is(h2, h3, p, td, label, button)").evaluate_all(
        "all => all.map(one => parseFloat(getComputedStyle(one).fontSize))"
    )
    assert min(sizes) >= 24
    assert not scrolls_sideways(session)


def test_on_paper_there_is_what_was_and_nothing_to_click(regular: Customer, session: Page) -> None:
    """Balance, spending, calls and movements; with an open receipt that receipt alone."""
    session.set_viewport_size({"width": 1280, "height": HEIGHT})
    session.goto(f"{regular.url}/console")
    session.emulate_media(media="print")
    for name in ("balance", "spending", "usage", "ledger"):
        expect(part(session, name)).to_be_visible()
    for gone in ("#packages", "#settings", "form button", ".pages"):
        expect(session.locator(gone).first).to_be_hidden()
    session.emulate_media(media="screen")
    rows(session, "usage").first.locator("a[data-dialog]").click()
    expect(session.get_by_role("dialog")).to_be_visible()
    session.emulate_media(media="print")
    expect(session.get_by_role("dialog").locator("table")).to_be_visible()
    expect(part(session, "usage")).to_be_hidden()
    session.emulate_media(media="screen")


def test_a_long_name_and_large_amounts_stay_within_a_phone(shop: Shop, browser: Browser) -> None:
    """Nobody chose the names and amounts that stood on the drawing board."""
    customer = Customer.new(shop.up, name="Wolfeschlegelsteinhausenbergerdorff" * 4, credits="0")
    customer.grant("123456789.123")
    customer.new_key("k" * 150)
    customer.written_call()
    with opened_page(browser) as page:
        sign_in(page, customer)
        expect(page.get_by_role("link", name="Settings")).to_be_in_viewport(ratio=1)
    with opened_page(browser, viewport={"width": 320, "height": HEIGHT}) as page:
        sign_in(page, customer)
        expect(part(page, "keys")).to_contain_text("k" * 150)
        assert not scrolls_sideways(page)
