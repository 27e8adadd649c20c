"""API keys on the Credits page of `tollgate up`: made, used, limited, revoked."""

import re

from playwright.sync_api import Page, expect

from tests.support.credits_page import grouped, part, rows, sign_in
from tests.support.customer import Customer

KEY = re.compile(r"^sk-tg-[A-Za-z0-9_-]{43}$")


def create(page: Page, name: str, limit: str = "") -> str:
    """Makes a key and returns its text, which is shown now and never again."""
    page.locator("#key-name").fill(name)
    page.locator("#key-limit").fill(limit)
    page.get_by_role("button", name="Create key").click()
    shown = page.locator("#new-key")
    expect(shown).to_have_text(KEY)
    # Before its script has run, the page is the answer to a form, which a reload sends again.
    expect(page).to_have_url(re.compile(r"/console(#keys)?$"))
    return shown.inner_text()


def test_a_key_is_shown_once_used_and_revoked_after_being_asked(
    customer: Customer, page: Page
) -> None:
    """From its making to its end, on the page; calls with it work in between, and only then."""
    sign_in(page, customer)
    key = create(page, "For the robot")
    row = rows(page, "keys").filter(has_text="For the robot")
    expect(row).to_contain_text("never")
    page.reload()
    expect(row).to_have_count(1)
    assert key not in page.content()

    call = customer.written_call(key=key, output_tokens=400)
    expect(row.locator("time")).to_be_visible()
    expect(row.locator("td").nth(1)).to_have_text(grouped(call.charged_mc, 3))

    row.get_by_role("button", name="Revoke For the robot").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("Revoke “For the robot”?")
    dialog.get_by_role("link", name="Keep it").click()
    expect(dialog).to_be_hidden()
    assert customer.try_call(key=key) == 200
    row.get_by_role("button", name="Revoke For the robot").click()
    dialog.get_by_role("button", name="Revoke key").click()
    expect(part(page, "news")).to_contain_text("The key is revoked.")
    expect(row).to_have_count(0)
    expect(part(page, "keys").get_by_text("1 revoked")).to_be_visible()
    assert customer.try_call(key=key) == 401
    assert customer.try_call() == 200


def test_loading_the_page_again_makes_no_second_key(customer: Customer, page: Page) -> None:
    """Not even at once: the page stays where it is, and has the answer put into it."""
    sign_in(page, customer)
    create(page, "Once")
    expect(page.get_by_role("button", name="Copy the new key")).to_be_focused()
    expect(page).to_have_url(f"{customer.url}/console")
    page.reload()
    expect(rows(page, "keys").filter(has_text="Once")).to_have_count(1)


def test_a_key_that_could_not_be_made_is_said_where_it_was_typed(
    customer: Customer, page: Page
) -> None:
    """What was typed is there, to be sent again."""
    sign_in(page, customer)
    page.context.set_offline(True)
    page.locator("#key-name").fill("Later")
    page.get_by_role("button", name="Create key").click()
    expect(part(page, "keys").get_by_role("alert").first).to_contain_text("cannot be reached")
    page.context.set_offline(False)
    assert create(page, "Later")
    expect(rows(page, "keys").filter(has_text="Later")).to_have_count(1)


def test_a_new_key_stays_on_the_page_until_somebody_has_copied_it(
    customer: Customer, page: Page
) -> None:
    """What is new meanwhile does not take it away; a click copies it."""
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    sign_in(page, customer)
    key = create(page, "Kept")
    call = customer.written_call(key=key)
    expect(rows(page, "usage").locator(f"[data-copy='{call.request_id}']")).to_be_visible()
    expect(page.locator("#new-key")).to_have_text(key)
    page.get_by_role("button", name="Copy the new key").click()
    expect(page.locator("#said")).to_have_text("Copied.")
    assert page.evaluate("navigator.clipboard.readText()") == key


def test_a_limit_is_set_changed_and_taken_away(customer: Customer, page: Page) -> None:
    """In credits a month; a wrong one says so beside the field."""
    sign_in(page, customer)
    create(page, "Limited", "1,500")
    row = rows(page, "keys").filter(has_text="Limited")
    expect(row.locator("td").nth(2)).to_contain_text("1,500.00")
    row.get_by_role("link", name="Change the limit of Limited").click()
    dialog = page.get_by_role("dialog")
    expect(dialog.locator("#limit")).to_have_value("1500")
    dialog.locator("#limit").fill("lots")
    dialog.get_by_role("button", name="Save").click()
    expect(page.locator("#limit")).to_have_attribute("aria-invalid", "true")
    expect(page.locator("#limit")).to_have_value("lots")
    page.locator("#limit").fill("")
    page.get_by_role("button", name="Save").click()
    expect(part(page, "news")).to_contain_text("The key's monthly limit is saved.")
    expect(row.locator("td").nth(2)).to_contain_text("none")


def test_a_key_without_a_good_name_is_not_made(customer: Customer, page: Page) -> None:
    """A limit that is none comes back beside its field, with the name kept."""
    sign_in(page, customer)
    page.locator("#key-name").fill("Half")
    page.locator("#key-limit").fill("-5")
    page.get_by_role("button", name="Create key").click()
    expect(page.locator("#key-limit")).to_have_attribute("aria-invalid", "true")
    expect(page.locator("#key-limit")).to_be_focused()
    expect(page.locator("#key-name")).to_have_value("Half")
    assert len(customer.operator("GET", f"{customer.path}/keys")["data"]) == 1
