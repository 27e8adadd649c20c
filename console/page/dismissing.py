"""Puts the low-balance banner away, until the balance falls under the threshold again."""

from aiohttp import web

from console.page.forms import read_form
from console.page.guard import CUSTOMERS, DISMISSED_COOKIE, Guard
from console.page.visitor import Visitor
from console.pages import CONSOLE_PATH, PAGE_HEADERS

_KEPT_S = 365 * 24 * 3600
_LONGEST = 40


class Dismissing:
    """Remembers in this browser which fall was seen; the next one has another name."""

    def __init__(self, guard: Guard, *, is_https: bool) -> None:
        self._guard = guard
        self._is_https = is_https

    def routes(self) -> list[web.RouteDef]:
        """To be added to an application."""
        handler = self._guard.change(self._dismiss)
        return self._guard.routes("POST", "/low-balance/dismiss", handler, (CUSTOMERS,))

    async def _dismiss(self, request: web.Request, visitor: Visitor) -> web.Response:
        fall = (await read_form(request)).get("fall", "")[:_LONGEST]
        response = web.Response(status=303, headers={**PAGE_HEADERS, "Location": visitor.base})
        if fall.isascii() and fall.isprintable():
            response.set_cookie(
                DISMISSED_COOKIE,
                fall,
                path=CONSOLE_PATH,
                max_age=_KEPT_S,
                httponly=True,
                samesite="Lax",
                secure=self._is_https,
            )
        return response
