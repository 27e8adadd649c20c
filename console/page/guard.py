"""Lets people through to a Credits page: by their session, or operators by theirs."""

import hmac
from collections.abc import Collection, Coroutine
from functools import wraps
from typing import Any, Literal, Protocol
from urllib.parse import urlsplit

from aiohttp import web

from console.handling import Handler
from console.identity import IDENTITY
from console.page.forms import read_form
from console.page.visitor import Visitor, VisitorHandler
from console.pages import CONSOLE_PATH, Pages
from console.sessions import Session, Sessions, form_token_is_right
from console.waiting import within
from ledger.authentication import Identity
from ledger.database import DatabaseUnavailableError
from ledger.errors import AccountUnknownError, RedisUnavailableError
from ledger.texts import read_id

CUSTOMERS = CONSOLE_PATH
OPERATORS = f"{CONSOLE_PATH}/accounts/{{account_id}}"
COOKIE = "tollgate_session"
OPERATOR_COOKIE = "tollgate_operator"
DISMISSED_COOKIE = "tollgate_dismissed"
FORM_TOKEN_FIELD = "form_token"  # noqa: S105 - its name, not a token

# Whoever looks at a page waits for this first.
LONGEST_WAIT_S = 2.0
_FROM_HERE = ("same-origin", "none")


class NotSignedInError(Exception):
    """Nobody is signed in, or not any more."""


class NotFromHereError(Exception):
    """A form was sent by another site, or from another session's page."""


class KnowsLimits(Protocol):
    """Which keys have monthly limits."""

    def has_limit(self, account_id: str, key_id: str) -> Coroutine[Any, Any, bool]:
        """Whether an account's key has one."""


class KnowsKeyStates(Protocol):
    """Whether keys are good."""

    async def key_is_active(self, account_id: str, key_id: str) -> bool:
        """Whether a key may be used."""


class Guard:
    """Finds out who visits. Pages are answered with the sign-in page where nobody is signed in."""

    def __init__(
        self,
        sessions: Sessions,
        limits: KnowsLimits,
        key_states: KnowsKeyStates,
        pages: Pages,
        *,
        admin_token: str,
        public_url: str,
        link_ttl_s: float,
    ) -> None:
        self._sessions = sessions
        self._limits = limits
        self._key_states = key_states
        self._pages = pages
        self._admin_token = admin_token.encode()
        self._public_host = urlsplit(public_url).netloc
        self._link_ttl_s = link_ttl_s

    def routes(
        self,
        method: Literal["GET", "POST"],
        path: str,
        handler: VisitorHandler,
        bases: Collection[str],
    ) -> list[web.RouteDef]:
        """A page's route below each base: `CUSTOMERS`, `OPERATORS` or both."""
        add = web.get if method == "GET" else web.post
        return [add(f"{base}{path}", self.page(handler)) for base in bases]

    def page(self, handler: VisitorHandler) -> Handler:
        """The handler with its visitor; errors are answered as pages."""

        async def visited(request: web.Request) -> web.StreamResponse:
            try:
                return await handler(request, await self._visitor(request))
            except (NotSignedInError, AccountUnknownError):
                if "account_id" in request.match_info:
                    return self.not_found()
                return self.signed_out(401)
            except NotFromHereError:
                text = "This form is from another session. Load the page again."
                return self._pages.message(403, "Nothing was changed", text)

        return self._pages.answering(visited)

    def change(self, handler: VisitorHandler) -> VisitorHandler:
        """The handler of a form: only for the page's own form, and not for operators."""

        @wraps(handler)
        async def changing(request: web.Request, visitor: Visitor) -> web.StreamResponse:
            if not visitor.may_change:
                return self.not_found()
            given = (await read_form(request)).get(FORM_TOKEN_FIELD, "")
            if not form_token_is_right(visitor.token, given) or not self.is_from_here(request):
                raise NotFromHereError
            return await handler(request, visitor)

        return changing

    def manage(self, handler: VisitorHandler) -> VisitorHandler:
        """As `change`, for what a key with a limit may not do: whoever has it could lift it."""

        @wraps(handler)
        async def managing(request: web.Request, visitor: Visitor) -> web.StreamResponse:
            if not visitor.may_manage:
                return self.not_found()
            return await handler(request, visitor)

        return self.change(managing)

    def api(self, handler: Handler) -> Handler:
        """A handler of the customers' API, for whoever is signed in; errors are JSON."""

        @wraps(handler)
        async def asked(request: web.Request) -> web.StreamResponse:
            try:
                await self._visitor(request)
            except NotSignedInError:
                status = 404 if "account_id" in request.match_info else 401
                return web.json_response({"error": {"message": "Not signed in."}}, status=status)
            return await handler(request)

        return asked

    async def account_of(self, request: web.Request) -> str | None:
        """Whose customer has sent this, if one is signed in and that can be told now."""
        try:
            visitor, _ = await self._customer(request)
        except (NotSignedInError, RedisUnavailableError, DatabaseUnavailableError):
            return None
        return visitor.account_id

    def is_from_here(self, request: web.Request) -> bool:
        """Whether a browser says that our page has sent this; other programs say nothing."""
        site = request.headers.get("Sec-Fetch-Site")
        if site is not None:
            return site in _FROM_HERE
        origin = request.headers.get("Origin")
        if origin is None:
            return True
        host = urlsplit(origin).netloc
        return bool(host) and host in (request.host, self._public_host)

    def is_admin_token(self, token: str) -> bool:
        """Whether this is the operators' token."""
        return hmac.compare_digest(token.encode("utf-8", "surrogateescape"), self._admin_token)

    def signed_out(self, status: int, happened: str = "") -> web.Response:
        """The page on which people sign in."""
        minutes = max(1, round(self._link_ttl_s / 60))
        return self._pages.html(status, "signed_out.html", happened=happened, link_minutes=minutes)

    def not_found(self) -> web.Response:
        """What is not there for whoever asks; nobody learns whether it is there for others."""
        return self._pages.message(404, "Not found", "There is no such page for you.")

    async def _visitor(self, request: web.Request) -> Visitor:
        if "account_id" in request.match_info:
            visitor, identity = await self._operator(request)
        else:
            visitor, identity = await self._customer(request)
        request[IDENTITY] = identity
        return visitor

    async def _customer(self, request: web.Request) -> tuple[Visitor, Identity]:
        token = request.cookies.get(COOKIE, "")
        session = await self._session(token) if token else None
        if session is None:
            raise NotSignedInError
        account_id, key_id = session.account_id, session.key_id
        is_limited = key_id is not None and await self._is_limited(account_id, key_id)
        visitor = Visitor(
            account_id=account_id,
            way="link" if key_id is None else "key",
            token=token,
            has_limited_key=is_limited,
            dismissed=request.cookies.get(DISMISSED_COOKIE, ""),
        )
        return visitor, Identity(account_id, key_id or "", "console")

    async def _session(self, token: str) -> Session | None:
        """One that has not ended: by itself, or with its key."""
        try:
            session = await self._sessions.find(token)
            if session is None or session.key_id is None:
                return session
            is_good = await self._key_states.key_is_active(session.account_id, session.key_id)
        except RedisUnavailableError:
            return await self._sessions.find_kept(token)
        return session if is_good else None

    async def _is_limited(self, account_id: str, key_id: str) -> bool:
        try:
            return await within(LONGEST_WAIT_S, self._limits.has_limit(account_id, key_id))
        except (DatabaseUnavailableError, TimeoutError):
            return True  # nobody can tell; nothing could be changed now anyway

    async def _operator(self, request: web.Request) -> tuple[Visitor, Identity]:
        account_id = str(read_id(request.match_info["account_id"], NotSignedInError))
        token = request.cookies.get(OPERATOR_COOKIE, "")
        is_signed_in = bool(token) and await self._sessions.is_operators(token)
        if not is_signed_in and not self._has_admin_token(request):
            raise NotSignedInError
        visitor = Visitor(account_id=account_id, way="operator", token=token)
        return visitor, Identity(account_id, "", "operator")

    def _has_admin_token(self, request: web.Request) -> bool:
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        return scheme.lower() == "bearer" and self.is_admin_token(token.strip())
