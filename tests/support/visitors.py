"""People at the desk's Credits page over HTTP: a session each, and the page's own forms."""

import re
from collections.abc import Mapping
from typing import Any

from aiohttp import ClientResponse, CookieJar
from aiohttp.test_utils import TestClient, TestServer

from ledger.accounts import Account
from tests.support.people import Desk

FORM_TOKEN = re.compile(r'name="form_token" value="([0-9a-f]{64})"')
SESSION = "tollgate_session"


class Guest:
    """A browser of its own."""

    def __init__(self, server: TestServer) -> None:
        self.client: TestClient[Any, Any] = TestClient(server, cookie_jar=CookieJar(unsafe=True))

    @property
    def cookie(self) -> str:
        """The session's token."""
        url = self.client.make_url("/console")
        return self.client.session.cookie_jar.filter_cookies(url)[SESSION].value

    async def follow_link(self, desk: Desk, account: Account) -> ClientResponse:
        """Sign in by a new link."""
        token = await desk.sessions.create_link(account.account_id)
        return await self.client.get("/console/login", params={"token": token})

    async def type_key(self, key: str) -> ClientResponse:
        """Sign in by a key."""
        return await self.client.post("/console/login", data={"api_key": key})

    async def page(self, path: str = "") -> tuple[int, str]:
        """Status and text of a page below `/console`."""
        response = await self.client.get(f"/console{path}")
        return response.status, await response.text()

    async def form_token(self) -> str:
        """What the page's forms carry."""
        _, text = await self.page()
        found = FORM_TOKEN.search(text)
        assert found
        return found[1]

    async def send(
        self, path: str, fields: Mapping[str, str], headers: Mapping[str, str] | None = None
    ) -> ClientResponse:
        """A form; redirects are not followed."""
        return await self.client.post(
            path, data=dict(fields), headers=dict(headers or {}), allow_redirects=False
        )
