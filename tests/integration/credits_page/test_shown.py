"""The Credits page over HTTP: sessions, what is shown, headers."""

import pytest
from aiohttp.test_utils import TestClient, TestServer
from pytest_aiohttp import AiohttpClient
from redis.asyncio import Redis

from config.packages import load_packages
from config.settings import DEFAULT_FOLDER
from pricing.packages import offer
from tests.support.people import ADMIN, Desk, desk_app, minute
from tests.support.visitors import SESSION, Guest
from tests.support.waiting import PATIENT


async def test_a_link_signs_in_and_the_page_shows_what_an_account_has(
    desk: Desk, guest: Guest
) -> None:
    """Name, balance in credits and dollars, rates, packages, calls, movements."""
    account = await desk.account_with(1_234_567_000, "Ada & <Söhne>")
    await desk.use(account.account_id, minute(7))
    response = await guest.follow_link(desk, account)
    page = await response.text()
    assert (response.status, response.url.path, response.url.query_string) == (200, "/console", "")
    offers = [
        offer(package, desk.settings.credits_per_usd)
        for package in load_packages(DEFAULT_FOLDER).values()
    ]
    for shown in (
        "Ada &amp; &lt;Söhne&gt;",
        "1,234,567.00",
        "$1,234.567",
        "1,000 Credits = $1.00. You only pay for actual token usage.",
        "Eco (gpt-4o-mini)",
        "Advanced (gpt-4o)",
        ">2.4<",
        ">1.2<",
        "2026-01-31 12:07",
        ">3.120<",
        "Welcome",
        "+1,234,567.000",
        *(one.package.label for one in offers),
    ):
        assert shown in page
    assert "<Söhne>" not in page


async def test_an_address_that_is_none_leads_back_to_the_page(client: TestClient) -> None:
    """Below the API's addresses programs get no page."""
    for path in ("/console/nothing", "/console/keys", "/console/accounts"):
        response = await client.get(path)
        assert (response.status, response.content_type) == (404, "text/html"), path
        assert "Back to your credits" in await response.text()
    for path in ("/console/", "/console/logout"):
        response = await client.get(path, allow_redirects=False)
        assert (response.status, response.headers["Location"]) == (303, "/console"), path
    response = await client.get("/console/api/credits/nothing")
    assert response.status == 404
    assert response.content_type != "text/html"


async def test_a_new_account_has_a_page_too(desk: Desk, guest: Guest) -> None:
    """Before the first call and the first credit, each part says what will be there."""
    await guest.follow_link(desk, await desk.accounts.create("Ada"))
    _, page = await guest.page()
    for part in ("No calls yet", "No movements yet", "No keys yet", "Nothing was spent"):
        assert part in page


async def test_the_newest_ten_rows_are_shown_and_older_ones_on_other_pages(
    desk: Desk, guest: Guest
) -> None:
    """Newest first; the link to older ones keeps the filters."""
    account = await desk.account_with(100_000)
    for number in range(15):
        await desk.use(account.account_id, minute(number))
    await guest.follow_link(desk, account)
    _, page = await guest.page("?model=gpt-4o-mini")
    assert "2026-01-31 12:14" in page
    assert "2026-01-31 12:05" in page
    assert "2026-01-31 12:04" not in page
    address = page.partition('id="usage-older" href="/console')[2].partition("#")[0]
    assert "model=gpt-4o-mini" in address
    _, older = await guest.page(address.replace("&amp;", "&"))
    assert "2026-01-31 12:04" in older
    assert "2026-01-31 12:05" not in older


async def test_a_link_works_once_and_a_look_does_not_use_it_up(
    desk: Desk, client: TestClient
) -> None:
    """Single use; programs that only send HEAD leave it alone."""
    account = await desk.accounts.create("Ada")
    token = await desk.sessions.create_link(account.account_id)
    link = f"/console/login?token={token}"
    assert (await client.head(link, allow_redirects=False)).status == 405
    first = await client.get(link, allow_redirects=False)
    assert (first.status, first.headers["Location"]) == (303, "/console")
    assert await first.text() == ""
    client.session.cookie_jar.clear()
    second = await client.get(link, allow_redirects=False)
    assert second.status == 401
    assert "was used before" in await second.text()
    assert "Set-Cookie" not in second.headers


async def test_redis_has_hashes_that_end_by_themselves(
    desk: Desk, guest: Guest, redis_url: str
) -> None:
    """A copy of Redis signs nobody in; TTLs are those of the settings."""
    account = await desk.accounts.create("Ada")
    token = await desk.sessions.create_link(account.account_id)
    async with Redis.from_url(redis_url, decode_responses=True, **PATIENT) as redis:
        (link,) = await redis.keys("console:*")
        assert token not in link
        assert 0 < await redis.pttl(link) <= 900_000
        await guest.client.get("/console/login", params={"token": token})
        (session,) = await redis.keys("console:*")
        assert guest.cookie not in session
        assert 0 < await redis.pttl(session) <= 43_200_000


@pytest.mark.parametrize(
    ("public_url", "is_secure"), [("http://localhost:8080", False), ("https://x.example", True)]
)
async def test_the_cookies_are_for_this_server_alone(
    desk: Desk, aiohttp_client: AiohttpClient, public_url: str, *, is_secure: bool
) -> None:
    """HttpOnly, SameSite=Lax, Secure where people come by https, with a set end."""
    client = await aiohttp_client(desk_app(desk, public_url))
    account = await desk.accounts.create("Ada")
    token = await desk.sessions.create_link(account.account_id)
    admin_token = ADMIN["Authorization"].removeprefix("Bearer ")
    for response in (
        await client.get(f"/console/login?token={token}", allow_redirects=False),
        await client.post(
            "/console/operator", data={"admin_token": admin_token}, allow_redirects=False
        ),
    ):
        assert response.status == 303
        cookie = response.headers["Set-Cookie"]
        assert "HttpOnly" in cookie
        assert "SameSite=Lax" in cookie
        assert "Path=/console" in cookie
        assert "Max-Age=43200" in cookie
        assert ("Secure" in cookie) is is_secure


@pytest.mark.parametrize("cookie", [None, "", "made-up", "a" * 43])
@pytest.mark.parametrize("path", ["", "/parts/balance", "/usage/x", "/keys/x/revoke"])
async def test_without_a_session_every_page_is_the_door(
    client: TestClient, cookie: str | None, path: str
) -> None:
    """401, and nothing of anybody."""
    cookies = {} if cookie is None else {SESSION: cookie}
    response = await client.get(f"/console{path}", cookies=cookies)
    page = await response.text()
    assert response.status == 401
    assert "Sign in with an API key of your account." in page
    assert "within 15 minutes" in page


async def test_without_a_session_the_pages_api_is_closed(client: TestClient) -> None:
    """401 as JSON; an operator's is not there."""
    response = await client.get("/console/api/credits/balance")
    assert response.status == 401
    assert "error" in await response.json()
    account = "01a20c07-0000-7000-8000-000000000000"
    response = await client.get(f"/console/accounts/{account}/api/credits/balance")
    assert response.status == 404


async def test_a_session_by_a_key_ends_when_the_key_is_revoked(desk: Desk, guest: Guest) -> None:
    """Whoever had the key, and was signed in by it, is out."""
    account = await desk.account_with(5_000)
    made = await desk.keys.create(account.account_id, "For me")
    await desk.working_copy.apply_syncs(account.account_id)
    assert (await guest.type_key(made.text)).status == 200
    assert (await guest.page())[0] == 200
    await desk.keys.revoke(made.api_key.key_id)
    await desk.working_copy.apply_syncs(account.account_id)
    assert (await guest.page())[0] == 401
    assert (await guest.page("/api/credits/balance"))[0] == 401
    again = await guest.type_key(made.text)
    assert again.status == 401
    assert "or it was revoked" in await again.text()


async def test_g12_a_session_shows_its_own_account(desk: Desk, server: TestServer) -> None:
    """G12: two people, two pages."""
    pages = {}
    for name in ("Ada", "Bob"):
        guest = Guest(server)
        await guest.follow_link(desk, await desk.account_with(5_000, name))
        pages[name] = (await guest.page())[1]
        await guest.client.session.close()
    assert "Bob" not in pages["Ada"]
    assert "Ada" not in pages["Bob"]


async def test_every_page_has_a_policy_that_lets_nothing_else_in(desk: Desk, guest: Guest) -> None:
    """Scripts and styles are files of this server; nothing is inline, framed or copied."""
    account = await desk.account_with(5_000)
    request_id = await desk.use(account.account_id, minute(7))
    key = (await desk.keys.create(account.account_id, "For me")).api_key.key_id
    signed_out = ["", "/login", "/operator", f"/accounts/{account.account_id}", "/checkout/x"]
    signed_in = ["", f"/usage/{request_id}", f"/keys/{key}/revoke", f"/keys/{key}/limit"]
    signed_in += ["/usage/x", "/parts/balance", "/parts/usage", "/parts/none"]
    responses = [await guest.client.get(f"/console{path}") for path in signed_out]
    responses.append(await guest.follow_link(desk, account))
    responses += [await guest.client.get(f"/console{path}") for path in signed_in]
    for response in responses:
        policy = response.headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "script-src 'self'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "base-uri 'none'" in policy
        assert "unsafe" not in policy
        assert response.headers["Cache-Control"] == "no-store"
        assert response.headers["Referrer-Policy"] == "same-origin"
        assert response.headers["X-Content-Type-Options"] == "nosniff"
        page = await response.text()
        assert "<style" not in page
        assert "style=" not in page
        assert all(" src=" in script for script in page.split("<script")[1:])


async def test_assets_are_files_of_ours_and_of_their_types(client: TestClient) -> None:
    """Nothing outside of the folder can be asked for."""
    for name, media_type in (("style.css", "text/css"), ("parts.js", "text/javascript")):
        response = await client.get(f"/console/assets/{name}")
        assert (response.status, response.content_type) == (200, media_type)
        assert response.headers["X-Content-Type-Options"] == "nosniff"
    for name in ("none.js", "..%2Fpages.py", "%2e%2e%2fpages.py", ""):
        assert (await client.get(f"/console/assets/{name}")).status == 404
