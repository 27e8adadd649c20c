"""Addresses below the page's own that are none: people get a page there, too, with a way back."""

from aiohttp import web

from console.page.guard import Guard
from console.pages import CONSOLE_PATH, PAGE_HEADERS

# What somebody types, or has in the address bar after signing out.
_MEANT_THE_PAGE = ("", "logout")


class Elsewhere:
    """Comes last: for what nobody else has answered."""

    def __init__(self, guard: Guard) -> None:
        self._guard = guard

    def routes(self) -> list[web.RouteDef]:
        """To be added to an application."""
        rest = "{rest:(?!api/).*}"
        return [web.get(f"{CONSOLE_PATH}/{rest}", self._answer, allow_head=False)]

    async def _answer(self, request: web.Request) -> web.Response:
        if request.match_info["rest"] in _MEANT_THE_PAGE:
            return web.Response(status=303, headers={**PAGE_HEADERS, "Location": CONSOLE_PATH})
        return self._guard.not_found()
