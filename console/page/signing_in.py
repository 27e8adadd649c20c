"""Signing in to the Credits page, by a link or an API key, and out again."""

from aiohttp import web

from console.errors import ApiError
from console.page.forms import read_form
from console.page.guard import COOKIE, OPERATOR_COOKIE, Guard
from console.page.visitor import Visitor
from console.pages import CONSOLE_PATH, PAGE_HEADERS, Pages
from console.sessions import Session, Sessions
from ledger.authentication import Authenticator
from ledger.redis_copy import RedisWorkingCopy

OPERATORS_DOOR = f"{CONSOLE_PATH}/operator"
_USED = "This sign-in link was used before, or is too old."
_UNKNOWN_KEY = "This is no API key of this server, or it was revoked."
_UNKNOWN_TOKEN = "This is not the admin token of this server."  # noqa: S105 - a sentence


class SigningIn:
    """The doors: for customers, and for operators."""

    def __init__(
        self,
        guard: Guard,
        pages: Pages,
        sessions: Sessions,
        *,
        authenticator: Authenticator,
        working_copy: RedisWorkingCopy,
        session_ttl_s: float,
        is_https: bool,
    ) -> None:
        self._guard = guard
        self._pages = pages
        self._sessions = sessions
        self._authenticator = authenticator
        self._working_copy = working_copy
        self._session_ttl_s = session_ttl_s
        self._is_https = is_https

    def routes(self) -> list[web.RouteDef]:
        """To be added to an application."""
        answering = self._pages.answering
        return [
            # Programs that only look whether a link is there must not use it up.
            web.get(f"{CONSOLE_PATH}/login", answering(self._by_link), allow_head=False),
            web.post(f"{CONSOLE_PATH}/login", answering(self._by_key)),
            web.post(f"{CONSOLE_PATH}/logout", self._guard.page(self._guard.change(self._out))),
            web.post(OPERATORS_DOOR, answering(self._operator_in)),
            web.post(f"{OPERATORS_DOOR}/logout", answering(self._operator_out)),
        ]

    async def _by_link(self, request: web.Request) -> web.Response:
        if "token" not in request.query:
            return self._guard.signed_out(200)
        token = await self._sessions.sign_in(request.query["token"])
        if token is None:
            return self._guard.signed_out(401, _USED)
        return self._entered(CONSOLE_PATH, COOKIE, token)

    async def _by_key(self, request: web.Request) -> web.Response:
        key = await self._field(request, "api_key")
        identity = await self._authenticator.identify(key)
        if identity is None or not await self._working_copy.key_is_active(
            identity.account_id, identity.key_id
        ):
            return self._guard.signed_out(401, _UNKNOWN_KEY)
        session = Session(account_id=identity.account_id, key_id=identity.key_id)
        return self._entered(CONSOLE_PATH, COOKIE, await self._sessions.open(session))

    async def _out(self, _request: web.Request, visitor: Visitor) -> web.Response:
        await self._sessions.close(visitor.token)
        response = self._guard.signed_out(200, "You are signed out.")
        response.del_cookie(COOKIE, path=CONSOLE_PATH)
        return response

    async def _operator_in(self, request: web.Request) -> web.Response:
        if not self._guard.is_admin_token(await self._field(request, "admin_token")):
            return self._pages.html(401, "operator_sign_in.html", happened=_UNKNOWN_TOKEN)
        token = await self._sessions.open_for_operator()
        return self._entered(OPERATORS_DOOR, OPERATOR_COOKIE, token)

    async def _operator_out(self, request: web.Request) -> web.Response:
        if not self._guard.is_from_here(request):
            return self._guard.not_found()
        await self._sessions.close(request.cookies.get(OPERATOR_COOKIE, ""))
        response = self._pages.html(200, "operator_sign_in.html", happened="You are signed out.")
        response.del_cookie(OPERATOR_COOKIE, path=CONSOLE_PATH)
        return response

    async def _field(self, request: web.Request, name: str) -> str:
        """A secret out of the sign-in form, which another site must not fill in for anybody."""
        if not self._guard.is_from_here(request):
            raise ApiError(403, "other_site", "Sign in on this server's own page.")
        return (await read_form(request)).get(name, "").strip()

    def _entered(self, path: str, cookie: str, token: str) -> web.Response:
        response = web.Response(status=303, headers={**PAGE_HEADERS, "Location": path})
        response.set_cookie(
            cookie,
            token,
            path=CONSOLE_PATH,
            max_age=int(self._session_ttl_s),
            httponly=True,
            samesite="Lax",
            secure=self._is_https,
        )
        return response
