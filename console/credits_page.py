"""The Credits page: sign in by a link, see balance, rates, calls and movements, sign out."""

import asyncio
from collections.abc import Callable
from functools import wraps
from importlib.resources import files

import msgspec
from aiohttp import web

from config.rates import RateTable
from config.settings import Settings
from console.errors import ApiError
from console.handling import Handler, answering_errors
from console.pages import CONSOLE_PATH, PAGE_HEADERS, page_templates
from console.sessions import Sessions, form_token, form_token_is_right
from ledger.accounts import Account, Accounts
from ledger.entries import Entry
from ledger.errors import AccountUnknownError, RedisUnavailableError
from ledger.pages import Window
from ledger.reports import EntryFilter, Reports, UsageFilter, UsageRow
from ledger.working_copy import WorkingBalance, WorkingCopy

COOKIE = "tollgate_session"
PATH = CONSOLE_PATH
NEWEST_ROWS = 20


class CreditsView(msgspec.Struct, frozen=True, kw_only=True):
    """All that the page shows. `balance` is None while Redis is away; amounts in millicredits."""

    account: Account
    balance: WorkingBalance | None
    rates: RateTable
    usage: list[UsageRow]
    entries: list[Entry]


class CreditsPage:
    """Plain pages without scripts."""

    def __init__(
        self,
        accounts: Accounts,
        reports: Reports,
        working_copy: WorkingCopy,
        *,
        sessions: Sessions,
        rates: Callable[[], RateTable],
        settings: Settings,
        public_url: str,
    ) -> None:
        self._accounts = accounts
        self._reports = reports
        self._working_copy = working_copy
        self._sessions = sessions
        self._rates = rates
        self._settings = settings
        self._is_https = public_url.startswith("https://")
        self._templates = page_templates(settings.credits_per_usd)
        self._style = files("console").joinpath("assets", "style.css").read_bytes()

    def routes(self) -> list[web.RouteDef]:
        """To be added to an application."""
        return [
            web.get(PATH, self._page(self._show)),
            # Programs that only look whether a link is there must not use it up.
            web.get(f"{PATH}/login", self._page(self._sign_in), allow_head=False),
            web.post(f"{PATH}/logout", self._page(self._sign_out)),
            web.get(f"{PATH}/style.css", self._serve_style),
        ]

    def _page(self, handler: Handler) -> Handler:
        answering = answering_errors(handler)

        @wraps(handler)
        async def page(request: web.Request) -> web.StreamResponse:
            try:
                return await answering(request)
            except ApiError as error:
                return self._message(error.status, "This does not work now", str(error))

        return page

    async def _show(self, request: web.Request) -> web.Response:
        token = request.cookies.get(COOKIE, "")
        account_id = await self._sessions.account_of(token) if token else None
        if account_id is None:
            return self._signed_out(401)
        try:
            view = await self._view(account_id)
        except AccountUnknownError:
            return self._signed_out(401)
        return self._html(200, "credits.html", view=view, form_token=form_token(token))

    async def _view(self, account_id: str) -> CreditsView:
        window = Window(limit=NEWEST_ROWS)
        account, balance, usage, entries = await asyncio.gather(
            self._accounts.get(account_id),
            self._balance(account_id),
            self._reports.usage(UsageFilter(account_id=account_id), window),
            self._reports.entries(EntryFilter(account_id=account_id), window),
        )
        return CreditsView(
            account=account,
            balance=balance,
            rates=self._rates(),
            usage=list(usage.rows),
            entries=list(entries.rows),
        )

    async def _balance(self, account_id: str) -> WorkingBalance | None:
        try:
            return await self._working_copy.balance(account_id)
        except RedisUnavailableError:
            return None

    async def _sign_in(self, request: web.Request) -> web.Response:
        session_token = await self._sessions.sign_in(request.query.get("token", ""))
        if session_token is None:
            return self._signed_out(401, "This sign-in link was used before, or is too old.")
        response = web.Response(status=303, headers={**PAGE_HEADERS, "Location": PATH})
        response.set_cookie(
            COOKIE,
            session_token,
            path=PATH,
            max_age=int(self._settings.console_session_ttl_s),
            httponly=True,
            samesite="Lax",
            secure=self._is_https,
        )
        return response

    async def _sign_out(self, request: web.Request) -> web.Response:
        token = request.cookies.get(COOKIE, "")
        form = await request.post()
        if not form_token_is_right(token, str(form.get("form_token", ""))):
            return self._message(403, "Not signed out", "This form is from another session.")
        await self._sessions.sign_out(token)
        response = self._signed_out(200, "You are signed out.")
        response.del_cookie(COOKIE, path=PATH)
        return response

    async def _serve_style(self, _request: web.Request) -> web.Response:
        headers = {"Cache-Control": "max-age=300", "X-Content-Type-Options": "nosniff"}
        return web.Response(body=self._style, content_type="text/css", headers=headers)

    def _signed_out(self, status: int, happened: str = "You are not signed in.") -> web.Response:
        minutes = max(1, round(self._settings.console_link_ttl_s / 60))
        return self._html(status, "signed_out.html", happened=happened, link_minutes=minutes)

    def _message(self, status: int, title: str, text: str) -> web.Response:
        return self._html(status, "message.html", title=title, text=text)

    def _html(self, status: int, template: str, **values: object) -> web.Response:
        text = self._templates.get_template(template).render(**values)
        return web.Response(
            text=text, status=status, content_type="text/html", headers=PAGE_HEADERS
        )
