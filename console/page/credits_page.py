"""The Credits page itself: all its parts in one, each one alone, and where they are left out."""

import asyncio
from collections.abc import Mapping

from aiohttp import web

from console.page.guard import CUSTOMERS, OPERATORS, Guard
from console.page.part import LONGEST_WAIT_S, NOTHING, Parts, Shown
from console.page.query import PageQuery
from console.page.visitor import Visitor
from console.pages import PAGE_HEADERS, Pages
from console.waiting import within
from ledger.accounts import Accounts
from ledger.database import DatabaseUnavailableError

_BOTH = (CUSTOMERS, OPERATORS)


class CreditsPage:
    """Shows the page. What was just changed is shown by the same page, in answer to its form."""

    def __init__(self, guard: Guard, pages: Pages, parts: Parts, accounts: Accounts) -> None:
        self._guard = guard
        self._pages = pages
        self._parts = parts
        self._accounts = accounts

    def routes(self) -> list[web.RouteDef]:
        """To be added to an application."""
        return [
            *self._guard.routes("GET", "", self._show, _BOTH),
            *self._guard.routes("GET", "/parts/{part}", self._show_part, _BOTH),
        ]

    async def answer(
        self,
        visitor: Visitor,
        query: PageQuery,
        *,
        status: int = 200,
        extra: Mapping[str, Mapping[str, object]] = NOTHING,
    ) -> web.Response:
        """The whole page; `extra` is what its parts show beside what they load, by their names."""
        account_name, parts = await asyncio.gather(
            self._name(visitor.account_id), self._show_all(visitor, query, extra)
        )
        return self._pages.html(
            status,
            "credits.html",
            visitor=visitor,
            base=visitor.base,
            account_name=account_name,
            parts=parts,
            titles={name: self._parts.title(name) for name in parts},
        )

    async def _show_all(
        self, visitor: Visitor, query: PageQuery, extra: Mapping[str, Mapping[str, object]]
    ) -> Mapping[str, Shown]:
        """By name. The first are the news: they may bring credits, which all others show then."""

        async def show(name: str) -> Shown:
            return await self._parts.show(name, visitor, query, extra.get(name, NOTHING))

        first, *others = self._parts.names
        news = await show(first)
        shown = await asyncio.gather(*map(show, others))
        return dict(zip((first, *others), (news, *shown), strict=True))

    async def _name(self, account_id: str) -> str:
        try:
            account = await within(LONGEST_WAIT_S, self._accounts.get(account_id))
        except (DatabaseUnavailableError, TimeoutError):
            return ""
        return account.name

    async def _show(self, request: web.Request, visitor: Visitor) -> web.Response:
        return await self.answer(visitor, PageQuery.of(request))

    async def _show_part(self, request: web.Request, visitor: Visitor) -> web.Response:
        name = request.match_info["part"]
        if name not in self._parts.names:
            return self._guard.not_found()
        shown: Shown = await self._parts.show(name, visitor, PageQuery.of(request))
        headers = {**PAGE_HEADERS, "ETag": shown.tag, "Tollgate-Session": visitor.mark}
        if request.headers.get("If-None-Match") == shown.tag:
            return web.Response(status=304, headers=headers)
        return web.Response(
            text=shown.html, status=shown.status, content_type="text/html", headers=headers
        )
