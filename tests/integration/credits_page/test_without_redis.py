"""Who is signed in stays so while Redis is away: Postgres knows them, too."""

from collections.abc import AsyncIterator

import pytest
from aiohttp import ClientResponse
from aiohttp.test_utils import TestClient
from pytest_aiohttp import AiohttpClient

from console.sessions import Sessions, form_token
from ledger.console_sessions import ConsoleSessions
from ledger.database import acquired
from tests.support.people import ADMIN_TOKEN, Desk, desk_app, minute, open_desk
from tests.support.visitors import SESSION, Guest

AWAY = "unix:///nonexistent/valkey"
NO_DATABASE = "postgresql://postgres@/x?host=/nonexistent"
OPERATOR = "tollgate_operator"
KEY_FORM = 'action="/console/keys#keys"'


@pytest.fixture
async def cut_off(
    desk: Desk, database_url: str, aiohttp_client: AiohttpClient
) -> AsyncIterator[TestClient]:
    """The same server when Redis is away."""
    async with open_desk(database_url, AWAY) as without_redis:
        yield await aiohttp_client(desk_app(without_redis))


async def ask(client: TestClient, path: str, **cookies: str) -> ClientResponse:
    return await client.get(path, cookies=cookies, allow_redirects=False)


async def test_g10_whoever_is_signed_in_sees_all_but_the_balance(
    desk: Desk, guest: Guest, cut_off: TestClient
) -> None:
    """The card says that it cannot be shown; calls and movements are there."""
    account = await desk.account_with(5_000)
    request_id = await desk.use(account.account_id, minute(7))
    await guest.follow_link(desk, account)
    response = await ask(cut_off, "/console", **{SESSION: guest.cookie})
    page = await response.text()
    assert response.status == 200
    assert page.count('class="failed"') == 1
    assert request_id in page
    assert KEY_FORM in page
    balance = await ask(cut_off, "/console/parts/balance", **{SESSION: guest.cookie})
    assert balance.status == 503
    usage = await ask(cut_off, "/console/parts/usage", **{SESSION: guest.cookie})
    assert usage.status == 200


async def test_a_session_by_a_key_ends_with_the_key_all_the_same(
    desk: Desk, guest: Guest, cut_off: TestClient
) -> None:
    """What a key may not do by its limit it may not do now, either."""
    account = await desk.account_with(5_000)
    key = await desk.keys.create(account.account_id, "A key", monthly_limit_mc=1_000)
    await guest.type_key(key.text)
    cookie = {SESSION: guest.cookie}
    response = await ask(cut_off, "/console", **cookie)
    assert response.status == 200
    assert KEY_FORM not in await response.text()
    await desk.keys.revoke(key.api_key.key_id)
    assert (await ask(cut_off, "/console", **cookie)).status == 401


async def test_what_has_ended_stays_ended(desk: Desk, guest: Guest, cut_off: TestClient) -> None:
    """Signed out, or over by its time; and what is no session opens nothing."""
    account = await desk.account_with(5_000)
    await guest.follow_link(desk, account)
    signed_out = guest.cookie
    fields = {"form_token": await guest.form_token()}
    assert (await guest.send("/console/logout", fields)).status == 200
    kept = ConsoleSessions(desk.pool)
    short = Sessions(desk.pipeline, kept, link_ttl_s=900, session_ttl_s=0.001)
    over = await short.sign_in(await short.create_link(account.account_id))
    assert over
    for token in (signed_out, over, "none"):
        assert (await ask(cut_off, "/console", **{SESSION: token})).status == 401


async def test_a_customers_session_is_no_operators_and_the_other_way_round(
    desk: Desk, guest: Guest, cut_off: TestClient
) -> None:
    """G12: each opens its own pages only."""
    account = await desk.account_with(5_000)
    await guest.follow_link(desk, account)
    await guest.client.post("/console/operator", data={"admin_token": ADMIN_TOKEN})
    operators = guest.client.session.cookie_jar.filter_cookies(
        guest.client.make_url("/console/operator")
    )[OPERATOR].value
    view = f"/console/accounts/{account.account_id}"
    assert (await ask(cut_off, view, **{OPERATOR: operators})).status == 200
    assert (
        account.account_id
        in await (await ask(cut_off, "/console/operator", **{OPERATOR: operators})).text()
    )
    assert (await ask(cut_off, view, **{OPERATOR: guest.cookie})).status == 404
    assert (await ask(cut_off, "/console", **{SESSION: operators})).status == 401


async def test_nobody_gets_in_or_out_without_redis(desk: Desk, cut_off: TestClient) -> None:
    """What cannot be done says so; nobody is told that they are signed out who is not."""
    account = await desk.account_with(5_000)
    key = await desk.keys.create(account.account_id, "A key")
    response = await cut_off.post("/console/login", data={"api_key": key.text})
    assert response.status == 503
    token = await desk.sessions.sign_in(await desk.sessions.create_link(account.account_id))
    assert token
    fields = {"form_token": form_token(token)}
    out = await cut_off.post("/console/logout", data=fields, cookies={SESSION: token})
    assert out.status == 503
    assert "Set-Cookie" not in out.headers
    assert (await ask(cut_off, "/console", **{SESSION: token})).status == 200


async def test_people_sign_in_and_out_while_postgres_is_away(
    desk: Desk, redis_url: str, aiohttp_client: AiohttpClient
) -> None:
    """Redis is enough for both."""
    account = await desk.account_with(5_000)
    await desk.working_copy.balance(account.account_id)
    async with open_desk(NO_DATABASE, redis_url) as without_postgres:
        client = await aiohttp_client(desk_app(without_postgres))
        sessions = without_postgres.sessions
        token = await sessions.sign_in(await sessions.create_link(account.account_id))
        assert token
        assert (await ask(client, "/console", **{SESSION: token})).status == 200
        await sessions.close(token)
        assert (await ask(client, "/console", **{SESSION: token})).status == 401


async def test_sessions_that_are_over_are_swept_up_by_whoever_comes_next(desk: Desk) -> None:
    """The table holds who is signed in, and little else."""
    account = await desk.account_with(5_000)
    kept = ConsoleSessions(desk.pool)
    short = Sessions(desk.pipeline, kept, link_ttl_s=900, session_ttl_s=0.001)
    await short.sign_in(await short.create_link(account.account_id))
    await desk.sessions.sign_in(await desk.sessions.create_link(account.account_id))
    async with acquired(desk.pool) as connection:
        rows = await connection.fetchval(
            "select count(*) from console_sessions where account_id = $1", account.account_id
        )
    assert rows == 1
