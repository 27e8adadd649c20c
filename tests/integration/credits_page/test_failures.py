"""The Credits page where something is away: each part fails by itself, and says what is wrong."""

import asyncio

import pytest
from pytest_aiohttp import AiohttpClient

from console.page.parts.usage import UsagePart
from tests.support.people import ADMIN, Desk, desk_app, minute, open_desk
from tests.support.visitors import SESSION, Guest

AWAY = "unix:///nonexistent/valkey"
NO_DATABASE = "postgresql://postgres@/x?host=/nonexistent"
CANNOT = "cannot be reached now"


async def test_g10_without_both_engines_a_page_says_so_and_signs_nobody_out(
    aiohttp_client: AiohttpClient,
) -> None:
    """G10: sessions are in Redis, and in Postgres for when that is away."""
    async with open_desk(NO_DATABASE, AWAY) as cut_off:
        client = await aiohttp_client(desk_app(cut_off))
        for path in ("/console", "/console/parts/balance", "/console/operator"):
            response = await client.get(
                path, cookies={SESSION: "x", "tollgate_operator": "x"}, allow_redirects=False
            )
            assert response.status == 503
            assert response.content_type == "text/html"
            assert CANNOT in await response.text()
            assert "Set-Cookie" not in response.headers


async def test_g10_without_redis_all_but_the_balance_is_shown(
    desk: Desk, database_url: str, aiohttp_client: AiohttpClient
) -> None:
    """G10: each part fails alone; a bearer of the admin token needs no session."""
    account = await desk.account_with(5_000)
    request_id = await desk.use(account.account_id, minute(7))
    page_of = f"/console/accounts/{account.account_id}"
    async with open_desk(database_url, AWAY) as cut_off:
        client = await aiohttp_client(desk_app(cut_off))
        response = await client.get(page_of, headers=ADMIN)
        page = await response.text()
        assert response.status == 200
        assert page.count('class="failed"') == page.count(CANNOT) == 1
        assert request_id in page
        assert (await client.get(f"{page_of}/parts/balance", headers=ADMIN)).status == 503
        assert (await client.get(f"{page_of}/parts/usage", headers=ADMIN)).status == 200


async def test_g10_without_postgres_the_balance_is_still_there(
    desk: Desk, redis_url: str, aiohttp_client: AiohttpClient
) -> None:
    """G10: Redis knows the balance; the tables say what is away, the rates are known."""
    account = await desk.account_with(5_000)
    await desk.working_copy.balance(account.account_id)
    async with open_desk(NO_DATABASE, redis_url) as cut_off:
        client = await aiohttp_client(desk_app(cut_off))
        token = await desk.sessions.create_link(account.account_id)
        response = await client.get("/console/login", params={"token": token})
        page = await response.text()
        assert response.status == 200
        assert 'id="balance-credits" data-millicredits="5000"' in page
        assert "Eco (gpt-4o-mini)" in page
        assert 'id="buy-starter"' in page
        failed = [part for part in page.split("<section ")[1:] if 'class="failed"' in part]
        assert [part.partition('"')[2].partition('"')[0] for part in failed] == [
            *("spending", "usage", "ledger", "keys", "settings")
        ]
        assert all(CANNOT in part and "Try again" in part for part in failed)


async def test_a_part_that_takes_too_long_is_given_up_alone(
    desk: Desk, guest: Guest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody waits for the slowest part for ever."""
    monkeypatch.setattr(UsagePart, "load", _hang)
    await guest.follow_link(desk, await desk.account_with(5_000))
    status, page = await guest.page()
    assert status == 200
    assert page.count("This takes too long now.") == 1
    assert (await guest.page("/parts/usage"))[0] == 503


async def test_a_fault_in_one_part_is_that_parts_alone(
    desk: Desk, guest: Guest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An error that nobody thought of: said without its text, logged with it."""
    monkeypatch.setattr(UsagePart, "load", _fail)
    await guest.follow_link(desk, await desk.account_with(5_000))
    status, page = await guest.page()
    assert status == 200
    assert page.count("Something went wrong on this server.") == 1
    assert "a password" not in page
    assert "5.00" in page
    assert (await guest.page("/parts/usage"))[0] == 500


async def _fail(*_: object) -> None:
    raise RuntimeError("a password")


async def _hang(*_: object) -> None:
    await asyncio.Event().wait()
