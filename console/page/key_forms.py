"""The forms of API keys: make one, limit it, revoke it after being asked."""

import structlog
from aiohttp import web

from console.page.credits_page import CreditsPage
from console.page.forms import Form, FormError, done
from console.page.guard import CUSTOMERS, Guard
from console.page.parts.keys import KeysPart
from console.page.query import PageQuery
from console.page.visitor import Visitor
from console.pages import Pages
from ledger.api_keys import ApiKey, ApiKeys, BadLimitError, CreatedKey, KeyUnknownError
from ledger.texts import BadTextError
from ledger.working_copy import WorkingCopy, tell

_log = structlog.get_logger(__name__)


class KeyForms:
    """Keys of the visitor's own account; another account's key is not there."""

    def __init__(
        self,
        guard: Guard,
        pages: Pages,
        page: CreditsPage,
        keys: ApiKeys,
        working_copy: WorkingCopy,
    ) -> None:
        self._guard = guard
        self._pages = pages
        self._page = page
        self._keys = keys
        self._working_copy = working_copy

    def routes(self) -> list[web.RouteDef]:
        """To be added to an application."""
        guard = self._guard
        key = "/keys/{key_id}"
        return [
            *guard.routes("POST", "/keys", guard.manage(self._create), (CUSTOMERS,)),
            *guard.routes("GET", f"{key}/limit", self._ask_limit, (CUSTOMERS,)),
            *guard.routes("POST", f"{key}/limit", guard.manage(self._limit), (CUSTOMERS,)),
            *guard.routes("GET", f"{key}/revoke", self._ask_revoke, (CUSTOMERS,)),
            *guard.routes("POST", f"{key}/revoke", guard.manage(self._revoke), (CUSTOMERS,)),
        ]

    async def _create(self, request: web.Request, visitor: Visitor) -> web.StreamResponse:
        form = await Form.of(request)
        try:
            created = await self._keys.create(
                visitor.account_id, form.text("name"), monthly_limit_mc=form.amount_mc("limit")
            )
        except (FormError, BadTextError, BadLimitError) as error:
            shown = {KeysPart.name: {"typed": form.typed, "wrong": _wrong(error)}}
            return await self._page.answer(visitor, PageQuery({}), status=400, extra=shown)
        await self._tell(visitor)
        return await self._show_created(visitor, created)

    async def _show_created(self, visitor: Visitor, created: CreatedKey) -> web.Response:
        """Once: it is in this answer and nowhere else, so there is no page to be led to."""
        shown = {KeysPart.name: {"created": created}}
        return await self._page.answer(visitor, PageQuery({}), extra=shown)

    async def _ask_limit(self, request: web.Request, visitor: Visitor) -> web.StreamResponse:
        return await self._ask(request, visitor, "key_limit.html")

    async def _ask_revoke(self, request: web.Request, visitor: Visitor) -> web.StreamResponse:
        return await self._ask(request, visitor, "key_revoke.html")

    async def _limit(self, request: web.Request, visitor: Visitor) -> web.StreamResponse:
        form = await Form.of(request)
        key_id = request.match_info["key_id"]
        try:
            limit_mc = form.amount_mc("limit")
            await self._keys.set_monthly_limit(key_id, limit_mc, account_id=visitor.account_id)
        except (FormError, BadLimitError) as error:
            return await self._ask(
                *(request, visitor, "key_limit.html"), typed=form.typed, wrong=_wrong(error)
            )
        await self._tell(visitor)
        return done(visitor.base, "key-limit", KeysPart.name)

    async def _revoke(self, request: web.Request, visitor: Visitor) -> web.StreamResponse:
        await self._keys.revoke(request.match_info["key_id"], account_id=visitor.account_id)
        await self._tell(visitor)
        return done(visitor.base, "key-revoked", KeysPart.name)

    async def _ask(
        self,
        request: web.Request,
        visitor: Visitor,
        template: str,
        *,
        typed: object = None,
        wrong: object = None,
    ) -> web.StreamResponse:
        key = await self._own(visitor, request.match_info["key_id"])
        if not visitor.may_manage or key.revoked_at is not None:
            return self._guard.not_found()
        return self._pages.html(
            400 if wrong else 200,
            template,
            visitor=visitor,
            base=visitor.base,
            key=key,
            typed=typed or {},
            wrong=wrong or {},
        )

    async def _own(self, visitor: Visitor, key_id: str) -> ApiKey:
        for key in await self._keys.of_account(visitor.account_id):
            if key.key_id == key_id:
                return key
        raise KeyUnknownError(key_id)

    async def _tell(self, visitor: Visitor) -> None:
        error = await tell(self._working_copy, visitor.account_id)
        if error:
            account_id, reason = visitor.account_id, str(error)
            _log.warning("change_reaches_redis_later", account_id=account_id, reason=reason)


def _wrong(error: FormError | BadTextError | BadLimitError) -> dict[str, str]:
    field = "limit" if isinstance(error, BadLimitError) else error.field
    return {field: error.reason}
