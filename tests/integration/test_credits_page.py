"""The Credits page."""

import re
from collections.abc import AsyncIterator

import pytest
from aiohttp import ClientResponse
from aiohttp.test_utils import TestClient
from pytest_aiohttp import AiohttpClient
from redis.asyncio import Redis

from ledger.accounts import Account
from tests.support.people import Desk, desk_app, minute, open_desk


@pytest.fixture
async def desk(database_url: str, redis_url: str) -> AsyncIterator[Desk]:
    async with open_desk(database_url, redis_url) as opened:
        yield opened


@pytest.fixture
async def client(desk: Desk, aiohttp_client: AiohttpClient) -> TestClient:
    return await aiohttp_client(desk_app(desk))


async def sign_in(desk: Desk, client: TestClient, account: Account) -> ClientResponse:
    """Follows a new link to where it leads."""
    token = await desk.sessions.create_link(account.account_id)
    return await client.get("/console/login", params={"token": token})


def form_token(page: str) -> str:
    found = re.search(r'name="form_token" value="([0-9a-f]{64})"', page)
    assert found
    return found[1]


async def test_a_link_signs_in_and_the_page_shows_what_an_account_has(
    desk: Desk, client: TestClient
) -> None:
    """Name, balance in credits and dollars, held, available, rates, calls, movements."""
    account = await desk.account_with(1_234_567_000, "Ada & <Söhne>")
    await desk.use(account.account_id, minute(7))
    response = await sign_in(desk, client, account)
    page = await response.text()
    assert (response.status, response.url.path, response.url.query_string) == (200, "/console", "")
    for shown in (
        "Ada &amp; &lt;Söhne&gt;",
        "1,234,567.0",
        "$1,234.567",
        "Available",
        "Held for calls under way",
        "Eco (gpt-4o-mini)",
        "Advanced (gpt-4o)",
        ">2.4<",
        ">1.2<",
        "2026-01-31 12:07",
        ">3.12<",
        "Welcome",
        "+1,234,567.0",
    ):
        assert shown in page
    assert "<Söhne>" not in page
    assert "<script" not in page


async def test_a_new_account_has_a_page_too(desk: Desk, client: TestClient) -> None:
    """Before the first call and the first credit."""
    response = await sign_in(desk, client, await desk.accounts.create("Ada"))
    page = await response.text()
    assert "No calls yet" in page
    assert "No movements yet" in page


async def test_the_newest_twenty_rows_are_shown(desk: Desk, client: TestClient) -> None:
    """The rest is for the API."""
    account = await desk.account_with(100_000)
    for number in range(25):
        await desk.use(account.account_id, minute(number))
    page = await (await sign_in(desk, client, account)).text()
    assert "12:24" in page
    assert "12:05" in page
    assert "12:04" not in page


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
    desk: Desk, client: TestClient, redis_url: str
) -> None:
    """A copy of Redis signs nobody in; TTLs are those of the settings."""
    account = await desk.accounts.create("Ada")
    token = await desk.sessions.create_link(account.account_id)
    async with Redis.from_url(redis_url, decode_responses=True) as redis:
        (link,) = await redis.keys("console:*")
        assert token not in link
        assert 0 < await redis.pttl(link) <= 900_000
        await client.get("/console/login", params={"token": token})
        (session,) = await redis.keys("console:*")
        cookie = client.session.cookie_jar.filter_cookies(client.make_url("/console"))
        assert cookie["tollgate_session"].value not in session
        assert 0 < await redis.pttl(session) <= 43_200_000


@pytest.mark.parametrize(
    ("public_url", "is_secure"), [("http://localhost:8080", False), ("https://x.example", True)]
)
async def test_the_cookie_is_for_this_server_alone(
    desk: Desk, aiohttp_client: AiohttpClient, public_url: str, *, is_secure: bool
) -> None:
    """HttpOnly, SameSite=Lax, Secure where people come by https."""
    client = await aiohttp_client(desk_app(desk, public_url))
    account = await desk.accounts.create("Ada")
    token = await desk.sessions.create_link(account.account_id)
    response = await client.get(f"/console/login?token={token}", allow_redirects=False)
    cookie = response.headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie
    assert "Path=/console" in cookie
    assert ("Secure" in cookie) is is_secure


@pytest.mark.parametrize("cookie", [None, "", "made-up", "a" * 43])
async def test_without_a_session_the_page_says_how_to_get_a_link(
    client: TestClient, cookie: str | None
) -> None:
    """401, and nothing of anybody."""
    cookies = {} if cookie is None else {"tollgate_session": cookie}
    response = await client.get("/console", cookies=cookies)
    page = await response.text()
    assert response.status == 401
    assert "ask whoever gave you your API key for a sign-in link" in page
    assert "15 minutes" in page


async def test_signing_out_needs_the_pages_own_form(desk: Desk, client: TestClient) -> None:
    """Another site cannot sign people out, and after signing out the session is gone."""
    page = await (await sign_in(desk, client, await desk.accounts.create("Ada"))).text()
    for wrong in ({}, {"form_token": "x"}, {"form_token": "é"}):
        assert (await client.post("/console/logout", data=wrong)).status == 403
    assert (await client.get("/console")).status == 200
    cookies = client.session.cookie_jar.filter_cookies(client.make_url("/console"))
    old = cookies["tollgate_session"].value
    response = await client.post("/console/logout", data={"form_token": form_token(page)})
    assert response.status == 200
    assert "You are signed out" in await response.text()
    client.session.cookie_jar.clear()
    assert (await client.get("/console", cookies={"tollgate_session": old})).status == 401


async def test_g12_a_session_shows_its_own_account(
    desk: Desk, aiohttp_client: AiohttpClient
) -> None:
    """G12: two people, two pages."""
    pages = {}
    for name in ("Ada", "Bob"):
        client = await aiohttp_client(desk_app(desk))
        account = await desk.account_with(5_000, name)
        pages[name] = await (await sign_in(desk, client, account)).text()
    assert "Bob" not in pages["Ada"]
    assert "Ada" not in pages["Bob"]


async def test_all_pages_forbid_scripts_frames_and_copies(desk: Desk, client: TestClient) -> None:
    """A strict policy; the one stylesheet comes from here."""
    signed_in = await sign_in(desk, client, await desk.accounts.create("Ada"))
    client.session.cookie_jar.clear()
    for response in (signed_in, await client.get("/console"), await client.get("/console/login")):
        policy = response.headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "frame-ancestors 'none'" in policy
        assert response.headers["Cache-Control"] == "no-store"
        assert response.headers["Referrer-Policy"] == "no-referrer"
    style = await client.get("/console/style.css")
    assert (style.status, style.content_type) == (200, "text/css")
    assert "/console/style.css" in await signed_in.text()


async def test_g10_a_page_says_what_is_away(
    desk: Desk, database_url: str, redis_url: str, aiohttp_client: AiohttpClient
) -> None:
    """G10: without Redis or Postgres people get a page with 503, not a trace."""
    account = await desk.accounts.create("Ada")
    async with open_desk(database_url, "unix:///nonexistent/valkey") as cut_off:
        client = await aiohttp_client(desk_app(cut_off))
        response = await client.get("/console", cookies={"tollgate_session": "x"})
        assert response.status == 503
        assert "cannot be reached now" in await response.text()
    async with open_desk("postgresql://postgres@/x?host=/nonexistent", redis_url) as cut_off:
        client = await aiohttp_client(desk_app(cut_off))
        response = await sign_in(cut_off, client, account)
        assert response.status == 503
        assert response.content_type == "text/html"
