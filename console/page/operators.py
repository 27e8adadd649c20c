"""Where operators sign in, and choose whose Credits page to see."""

from aiohttp import web

from console.page.guard import OPERATOR_COOKIE, Guard
from console.page.query import PageQuery
from console.page.signing_in import OPERATORS_DOOR
from console.pages import Pages
from console.sessions import Sessions
from ledger.accounts import Accounts
from ledger.pages import encode_cursor

_ROWS = 50


class OperatorsPage:
    """The list of accounts, newest first, each with a link to its page."""

    def __init__(self, guard: Guard, pages: Pages, sessions: Sessions, accounts: Accounts) -> None:
        self._guard = guard
        self._pages = pages
        self._sessions = sessions
        self._accounts = accounts

    def routes(self) -> list[web.RouteDef]:
        """To be added to an application."""
        return [web.get(OPERATORS_DOOR, self._pages.answering(self._show))]

    async def _show(self, request: web.Request) -> web.Response:
        token = request.cookies.get(OPERATOR_COOKIE, "")
        if not token or not await self._sessions.is_operators(token):
            return self._pages.html(200, "operator_sign_in.html", happened="")
        query = PageQuery.of(request)
        page = await self._accounts.page(query.window("cursor", _ROWS))
        following = page.next_position
        next_cursor = None if following is None else encode_cursor(following)
        return self._pages.html(
            200, "operator.html", page=page, query=query, next_cursor=next_cursor
        )
