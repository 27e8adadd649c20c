"""What the Credits page changes: only by its own forms, and only for who may."""

import re
from collections.abc import AsyncIterator, Mapping
from typing import Any

import pytest
from aiohttp.test_utils import TestServer

from ledger.accounts import Account
from tests.support.people import ADMIN_TOKEN, PUBLIC_URL, Desk, desk_app
from tests.support.visitors import SESSION, Guest

# Posts that change nothing of an account's: doors have no session yet, an estimate only asks.
NO_FORMS_OF_THE_PAGE = {
    "/console/login",
    "/console/operator",
    "/console/operator/logout",
    "/console/api/credits/estimate",
    "/console/accounts/{account_id}/api/credits/estimate",
}
FORMS = [
    "/console/logout",
    "/console/buy",
    "/console/card",
    "/console/settings",
    "/console/auto-recharge",
    "/console/keys",
    "/console/keys/{key_id}/limit",
    "/console/keys/{key_id}/revoke",
    "/console/low-balance/dismiss",
]
# What only somebody without a limit may do.
MANAGING = [path for path in FORMS if re.search("card|settings|recharge|keys", path)]
FIELDS = {
    "name": "Another",
    "limit": "7",
    "threshold": "7",
    "email": "eve@example.com",
    "package_id": "starter",
    "request_key": "x",
    "fall": "now",
}
OURS = {"Origin": PUBLIC_URL}
FROM_ELSEWHERE: Mapping[str, Mapping[str, str]] = {
    "another site": {"Sec-Fetch-Site": "cross-site"},
    "another host of the domain": {"Sec-Fetch-Site": "same-site"},
    "a foreign origin": {"Origin": "https://evil.example"},
    "an origin that hides": {"Origin": "null"},
    "an origin that begins like ours": {"Origin": f"{PUBLIC_URL}.evil.example"},
}


@pytest.fixture
async def account(desk: Desk) -> Account:
    return await desk.account_with(5_000)


@pytest.fixture
async def guest(desk: Desk, server: TestServer, account: Account) -> AsyncIterator[Guest]:
    """Somebody who is signed in."""
    one = Guest(server)
    await one.follow_link(desk, account)
    yield one
    await one.client.session.close()


async def key_of(desk: Desk, account: Account) -> str:
    return (await desk.keys.create(account.account_id, "For me")).api_key.key_id


async def state(desk: Desk, account: Account) -> tuple[Any, Any]:
    """All of an account that the forms can change."""
    return (
        await desk.keys.of_account(account.account_id),
        await desk.payments.settings.get(account.account_id),
    )


async def test_each_form_of_the_page_is_tested_here(desk: Desk) -> None:
    """A new route that takes a form fails this test until it is in the list."""
    found = {
        route.resource.canonical
        for route in desk_app(desk).router.routes()
        if route.method not in ("GET", "HEAD")
        and route.resource is not None
        and route.resource.canonical.startswith("/console")
    }
    assert found == {*FORMS, *NO_FORMS_OF_THE_PAGE}


@pytest.mark.parametrize("path", FORMS)
async def test_a_form_without_the_pages_token_changes_nothing(
    desk: Desk, server: TestServer, guest: Guest, account: Account, path: str
) -> None:
    """403 without a token, with a made-up one, with that of another session; still signed in."""
    path = path.format(key_id=await key_of(desk, account))
    other = Guest(server)
    await other.follow_link(desk, account)
    anothers = await other.form_token()
    await other.client.session.close()
    before = await state(desk, account)
    for wrong in ({}, {"form_token": "0" * 64}, {"form_token": "é"}, {"form_token": anothers}):
        response = await guest.send(path, {**FIELDS, **wrong})
        assert response.status == 403
        assert "Set-Cookie" not in response.headers
        assert "This form is from another session." in await response.text()
    assert await state(desk, account) == before
    assert (await guest.page())[0] == 200


@pytest.mark.parametrize("path", FORMS)
async def test_a_form_from_elsewhere_changes_nothing_although_its_token_is_right(
    desk: Desk, guest: Guest, account: Account, path: str
) -> None:
    """403 by what browsers say of where a form comes from."""
    path = path.format(key_id=await key_of(desk, account))
    token = await guest.form_token()
    before = await state(desk, account)
    for headers in FROM_ELSEWHERE.values():
        response = await guest.send(path, {**FIELDS, "form_token": token}, headers)
        assert response.status == 403, headers
    assert await state(desk, account) == before
    assert (await guest.page())[0] == 200


@pytest.mark.parametrize("path", FORMS)
async def test_the_pages_own_form_does_what_it_says(
    desk: Desk, guest: Guest, account: Account, path: str
) -> None:
    """So the refusals above are for their reasons, and not for a mistake in the form."""
    path = path.format(key_id=await key_of(desk, account))
    token = await guest.form_token()
    response = await guest.send(path, {**FIELDS, "form_token": token})
    # This desk sells nothing: buying and saving cards say so, after the token was right.
    is_for_sale = path.endswith(("/buy", "/card"))
    assert response.status == 503 if is_for_sale else response.status in (200, 303)


async def test_forms_from_here_are_taken_whatever_the_browser_says_of_it(guest: Guest) -> None:
    """New browsers name the site, older ones the origin; a typed address has none."""
    token = await guest.form_token()
    for headers in ({"Sec-Fetch-Site": "same-origin"}, {"Sec-Fetch-Site": "none"}, OURS):
        response = await guest.send("/console/settings", {"form_token": token}, headers)
        assert response.status == 303, headers


@pytest.mark.parametrize("path", FORMS)
async def test_a_form_without_a_session_is_answered_by_the_door(
    desk: Desk, server: TestServer, account: Account, path: str
) -> None:
    """401: a token without its session is worth nothing."""
    guest = Guest(server)
    await guest.follow_link(desk, account)
    token = await guest.form_token()
    guest.client.session.cookie_jar.clear()
    response = await guest.send(path.format(key_id="x"), {**FIELDS, "form_token": token})
    assert response.status == 401
    await guest.client.session.close()


async def test_signing_out_ends_the_session_and_no_other(
    desk: Desk, server: TestServer, guest: Guest, account: Account
) -> None:
    """A copied cookie is worth nothing then; another browser stays signed in."""
    other = Guest(server)
    await other.follow_link(desk, account)
    old = guest.cookie
    response = await guest.send("/console/logout", {"form_token": await guest.form_token()})
    assert "You are signed out" in await response.text()
    assert (await guest.page())[0] == 401
    guest.client.session.cookie_jar.clear()
    copied = await guest.client.get("/console", cookies={SESSION: old})
    assert copied.status == 401
    assert (await other.page())[0] == 200
    await other.client.session.close()


@pytest.mark.parametrize("origin", FROM_ELSEWHERE)
async def test_no_other_site_signs_anybody_in_or_out(
    desk: Desk, server: TestServer, account: Account, origin: str
) -> None:
    """Somebody who is signed in as another would type their secrets into the wrong account."""
    made = await desk.keys.create(account.account_id, "For me")
    await desk.working_copy.apply_syncs(account.account_id)
    guest = Guest(server)
    headers = FROM_ELSEWHERE[origin]
    doors = {
        "/console/login": {"api_key": made.text},
        "/console/operator": {"admin_token": ADMIN_TOKEN},
    }
    for path, fields in doors.items():
        response = await guest.send(path, fields, headers)
        assert response.status == 403
        assert "Set-Cookie" not in response.headers
        assert (await guest.send(path, fields)).status == 303
    assert (await guest.send("/console/operator/logout", {}, headers)).status == 404
    assert "Accounts" in (await guest.page("/operator"))[1]
    await guest.client.session.close()


async def signed_in_by_key(
    desk: Desk, server: TestServer, account: Account, limit_mc: int | None
) -> Guest:
    made = await desk.keys.create(account.account_id, "Robot", monthly_limit_mc=limit_mc)
    await desk.working_copy.apply_syncs(account.account_id)
    guest = Guest(server)
    assert (await guest.type_key(made.text)).status == 200
    return guest


@pytest.mark.parametrize("path", MANAGING)
async def test_a_key_with_a_limit_may_not_lift_limits(
    desk: Desk, server: TestServer, account: Account, path: str
) -> None:
    """Keys, settings and cards are not its to change; one without a limit may."""
    key_id = await key_of(desk, account)
    path = path.format(key_id=key_id)
    limited = await signed_in_by_key(desk, server, account, 1_000)
    before = await state(desk, account)
    fields = {**FIELDS, "form_token": await limited.form_token()}
    assert (await limited.send(path, fields)).status == 404
    assert await state(desk, account) == before
    assert (await limited.page(f"/keys/{key_id}/revoke"))[0] == 404
    free = await signed_in_by_key(desk, server, account, None)
    fields = {**FIELDS, "form_token": await free.form_token()}
    assert (await free.send(path, fields)).status in (200, 303, 503)
    for guest in (limited, free):
        await guest.client.session.close()


async def test_a_key_with_a_limit_is_told_who_may(
    desk: Desk, server: TestServer, account: Account
) -> None:
    """The page shows no such form to it, and says why; buying is open to it."""
    guest = await signed_in_by_key(desk, server, account, 1_000)
    _, page = await guest.page()
    assert "You are signed in with a key that has a monthly limit." in page
    assert 'id="key-name"' not in page
    assert 'action="/console/buy"' in page
    await guest.client.session.close()


async def test_a_key_loses_the_forms_when_it_gets_a_limit(
    desk: Desk, server: TestServer, account: Account
) -> None:
    """The limit counts for sessions that were opened before it."""
    guest = await signed_in_by_key(desk, server, account, None)
    assert 'id="key-name"' in (await guest.page())[1]
    (key,) = await desk.keys.of_account(account.account_id)
    await desk.keys.set_monthly_limit(key.key_id, 1_000, account_id=account.account_id)
    assert 'id="key-name"' not in (await guest.page())[1]
    await guest.client.session.close()


async def test_a_dismissed_fall_is_remembered_by_this_browser_alone(guest: Guest) -> None:
    """Only printable text becomes a cookie."""
    token = await guest.form_token()
    path = "/console/low-balance/dismiss"
    response = await guest.send(path, {"form_token": token, "fall": "2026-01-31T12:00:00.000Z"})
    cookie = response.headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "Path=/console" in cookie
    for odd in ("a\r\nSet-Cookie: x=y", "é", "\x00"):
        response = await guest.send(path, {"form_token": token, "fall": odd})
        assert response.status == 303
        assert "Set-Cookie" not in response.headers
