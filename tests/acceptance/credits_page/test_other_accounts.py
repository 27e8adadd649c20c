"""Nobody sees another's account on the Credits page of `tollgate up`, and no secret is anywhere."""

import json
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Page, expect

from tests.support.credits_page import cookie_of, leave, shows_balance, sign_in, sign_in_by_key
from tests.support.customer import Customer, HttpAnswer, post_form, send
from tests.support.shop import Shop

# Below whose URLs of another's are: what is asked for has to be there for its owner.
OWN_URLS = [
    "/console/usage/{request}",
    "/console/keys/{key}/limit",
    "/console/keys/{key}/revoke",
    "/console/api/credits/usage/{request}",
]
OPERATORS_URLS = [
    "/console/accounts/{account}",
    "/console/accounts/{account}/parts/balance",
    "/console/accounts/{account}/parts/keys",
    "/console/accounts/{account}/usage/{request}",
    "/console/accounts/{account}/api/credits/balance",
    "/console/accounts/{account}/api/credits/usage?format=csv",
]


@pytest.fixture(scope="module")
def bob(shop: Shop) -> Customer:
    """Whose things are asked for."""
    return Customer.new(shop.up, name="Bob")


@pytest.fixture(scope="module")
def bobs(bob: Customer) -> dict[str, str]:
    """What Bob's URLs are made of."""
    return {
        "request": bob.written_call().request_id,
        "key": bob.key_id,
        "account": bob.account_id,
    }


@pytest.fixture(scope="module")
def ada(shop: Shop) -> Customer:
    """Who asks."""
    return Customer.new(shop.up, name="Ada")


@pytest.fixture(scope="module")
def cookies(shop: Shop, ada: Customer, bob: Customer) -> dict[str, str]:
    """The sessions of both."""
    return {one.name: session_of(one) for one in (ada, bob)}


def session_of(customer: Customer) -> str:
    link = urlsplit(customer.link())
    answer = send("GET", customer.url, f"{link.path}?{link.query}")
    return answer.headers["set-cookie"].partition(";")[0]


def get(customer: Customer, path: str, **headers: str) -> HttpAnswer:
    return send("GET", customer.url, path, headers=headers)


@pytest.mark.parametrize("url", OWN_URLS)
def test_g12_a_session_gets_404_where_its_owner_gets_an_answer(
    ada: Customer, bob: Customer, bobs: dict[str, str], cookies: dict[str, str], url: str
) -> None:
    """G12: the same URL, two sessions; the answer does not tell whether such a thing is there."""
    path = url.format_map(bobs)
    assert get(bob, path, Cookie=cookies["Bob"]).status == 200
    refused = get(ada, path, Cookie=cookies["Ada"])
    assert refused.status == 404
    made_up = dict.fromkeys(bobs, ada.account_id[::-1])
    nothing = get(ada, url.format_map(made_up), Cookie=cookies["Ada"])
    assert (nothing.status, nothing.body) == (404, refused.body)


@pytest.mark.parametrize("url", OPERATORS_URLS)
def test_g12_neither_cookie_nor_key_opens_an_account_by_its_id(
    ada: Customer, bob: Customer, bobs: dict[str, str], cookies: dict[str, str], url: str
) -> None:
    """G12: operators' URLs are not there for customers, not even those of their own account."""
    path = url.format_map(bobs)
    token = bob.up.dev["admin_token"]
    assert get(bob, path, Authorization=f"Bearer {token}").status == 200
    for headers in (
        {"Cookie": cookies["Ada"]},
        {"Cookie": cookies["Bob"]},
        {"Cookie": cookies["Ada"].replace("tollgate_session", "tollgate_operator")},
        {"Authorization": f"Bearer {ada.key}"},
        {"Authorization": f"Bearer {bob.key}"},
        {},
    ):
        assert get(ada, path, **headers).status == 404, headers


def test_g12_a_key_gets_404_for_another_accounts_call(
    ada: Customer, bob: Customer, bobs: dict[str, str]
) -> None:
    """G12: by the API, too."""
    path = f"/v1/credits/usage/{bobs['request']}"
    assert get(bob, path, Authorization=f"Bearer {bob.key}").status == 200
    assert get(ada, path, Authorization=f"Bearer {ada.key}").status == 404


def test_g12_anothers_filters_and_cursors_show_nothing_of_them(
    ada: Customer, bob: Customer, cookies: dict[str, str]
) -> None:
    """G12: the account is the session's, whatever the address says."""
    listed = bob.ask("GET", "/ledger?limit=1")
    for query in (f"keyId={bob.key_id}", f"ledgerCursor={listed['nextCursor']}", "accountId=x"):
        answer = get(ada, f"/console?{query}", Cookie=cookies["Ada"])
        assert answer.status == 200
        assert b"Bob" not in answer.body
        assert bob.account_id.encode() not in answer.body
    exported = get(ada, f"/console/api/credits/usage?keyId={bob.key_id}", Cookie=cookies["Ada"])
    assert json.loads(exported.body)["data"] == []


def test_g12_anothers_checkout_shows_nothing(
    ada: Customer, bob: Customer, cookies: dict[str, str], shop: Shop
) -> None:
    """G12: neither its state nor that it is there; its owner sees it."""
    checkout = bob.ask("POST", "/checkout", {"packageId": "starter"})
    shop.pay(checkout["checkoutId"])
    path = f"/console/parts/news?checkout={checkout['purchaseId']}"
    assert b"Payment received." in get(bob, path, Cookie=cookies["Bob"]).body
    theirs = get(ada, path, Cookie=cookies["Ada"])
    assert (theirs.status, theirs.body.strip()) == (200, b"")
    assert ada.balance_mc() == 100_000


def test_g12_anothers_key_is_neither_limited_nor_revoked(
    ada: Customer, bob: Customer, cookies: dict[str, str]
) -> None:
    """G12: a right form of the own page, with another's key in its address."""
    page = get(ada, f"/console/keys/{ada.key_id}/limit", Cookie=cookies["Ada"]).body.decode()
    token = page.partition('name="form_token" value="')[2][:64]
    before = bob.operator("GET", f"{bob.path}/keys")["data"]
    for what in ("limit", "revoke"):
        path = f"/console/keys/{bob.key_id}/{what}"
        fields = {"form_token": token, "limit": "1"}
        assert post_form(ada.url, path, fields, {"Cookie": cookies["Ada"]}).status == 404
    assert bob.operator("GET", f"{bob.path}/keys")["data"] == before
    own = f"/console/keys/{ada.key_id}/limit"
    fields = {"form_token": token, "limit": "1"}
    assert post_form(ada.url, own, fields, {"Cookie": cookies["Ada"]}).status == 303


def test_no_secret_is_on_the_page_in_its_address_or_in_a_log(
    shop: Shop, customer: Customer, page: Page
) -> None:
    """Key, link, session and admin token are where they are needed, and written down nowhere."""
    link = customer.link()
    page.goto(link)
    shows_balance(page, customer.balance_mc())
    by_link = cookie_of(page).partition("=")[2]
    leave(page)
    page.context.clear_cookies()
    sign_in_by_key(page, customer)
    shows_balance(page, customer.balance_mc())
    by_key = cookie_of(page).partition("=")[2]
    admin_token = shop.up.dev["admin_token"]
    page.goto(f"{shop.url}/console/operator")
    page.get_by_label("Admin token").fill(admin_token)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", name="Accounts")).to_be_visible()
    operators = cookie_of(page, "tollgate_operator").partition("=")[2]
    call = customer.written_call()

    secrets = [customer.key, admin_token, *parse_qs(urlsplit(link).query)["token"]]
    secrets += [by_link, by_key, operators]
    assert len({*secrets}) == 6
    for path in ("/console", "/console/operator", f"/console/accounts/{customer.account_id}"):
        page.goto(f"{shop.url}{path}")
        assert not [one for one in secrets if one in page.content() or one in page.url]
    logs = [shop.up.said, *(log.read_text() for log in shop.up.state.rglob("*.log"))]
    assert len(logs) > 3
    assert call.request_id in shop.up.said
    for log in logs:
        assert not [one for one in secrets if one in log]


def test_a_signed_in_session_is_not_taken_over_by_a_link_of_another(
    ada: Customer, bob: Customer, page: Page
) -> None:
    """Following Bob's link leads to Bob's page with a new session; Ada's is not changed."""
    sign_in(page, ada)
    adas = cookie_of(page)
    sign_in(page, bob)
    assert cookie_of(page) != adas
    assert b"Bob" in get(ada, "/console", Cookie=cookie_of(page)).body
    assert b"Bob" not in get(ada, "/console", Cookie=adas).body
