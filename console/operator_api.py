"""What operators do over HTTP: `/admin/*`, for whoever has the admin token."""

import asyncio

import msgspec
import structlog
from aiohttp import web
from msgspec import field

from console.bodies import credits_of, read_body
from console.customer_api import USAGE_FILTERS
from console.json import Json, answer, listing
from console.operator_guard import OperatorGuard
from console.paging import id_filter, read_list_query, text_filter
from console.sessions import Sessions
from console.shapes import (
    account_shape,
    alert_shape,
    key_shape,
    live_account_shape,
    operators_usage_shape,
)
from ledger.accounts import Account, Accounts
from ledger.api_keys import ApiKeys
from ledger.database import DatabaseUnavailableError
from ledger.errors import RedisUnavailableError
from ledger.reports import Reports, UsageFilter
from ledger.working_copy import WorkingBalance, WorkingCopy, tell

_log = structlog.get_logger(__name__)

BALANCES_AT_ONCE = 16
NO_LIMIT = msgspec.Raw(b"null")


class NewAccountBody(msgspec.Struct, forbid_unknown_fields=True):
    """Who will pay."""

    name: str
    email: str | None = None


class NewKeyBody(msgspec.Struct, forbid_unknown_fields=True):
    """What the key is for, and what it may spend in a month."""

    name: str
    monthly_limit: msgspec.Raw = field(default=NO_LIMIT, name="monthlyLimitCredits")


class KeyLimitBody(msgspec.Struct, forbid_unknown_fields=True):
    """What the key may spend in a month from now on; null: as much as the account has."""

    monthly_limit: msgspec.Raw = field(name="monthlyLimitCredits")


class NoFieldsBody(msgspec.Struct, forbid_unknown_fields=True):
    """Nothing to say."""


class OperatorApi:
    """Accounts and keys, and what happened to them; entries are in `entries_api.py`."""

    def __init__(
        self,
        guard: OperatorGuard,
        accounts: Accounts,
        keys: ApiKeys,
        *,
        reports: Reports,
        working_copy: WorkingCopy,
        sessions: Sessions,
        public_url: str,
    ) -> None:
        self._guard = guard
        self._accounts = accounts
        self._keys = keys
        self._reports = reports
        self._working_copy = working_copy
        self._sessions = sessions
        self._public_url = public_url.rstrip("/")

    def routes(self) -> list[web.RouteDef]:
        """To be added to an application."""
        account = "/admin/accounts/{account_id}"
        guarded = self._guard.guarded
        return [
            web.get("/admin/accounts", guarded(self._list_accounts)),
            web.post("/admin/accounts", guarded(self._create_account)),
            web.get(account, guarded(self._show_account)),
            web.get(f"{account}/keys", guarded(self._list_keys)),
            web.post(f"{account}/keys", guarded(self._create_key)),
            web.patch("/admin/keys/{key_id}", guarded(self._limit_key)),
            web.delete("/admin/keys/{key_id}", guarded(self._revoke_key)),
            web.post(f"{account}/console-sessions", guarded(self._create_console_session)),
            web.get("/admin/usage", guarded(self._usage)),
            web.get("/admin/alerts", guarded(self._alerts)),
        ]

    async def _list_accounts(self, request: web.Request) -> web.Response:
        window = read_list_query(request, {}).window
        page = await self._accounts.page(window)
        at_once = asyncio.Semaphore(BALANCES_AT_ONCE)

        async def balance_of(account: Account) -> WorkingBalance | None:
            async with at_once:
                return await self._live_balance(account.account_id)

        balances = await asyncio.gather(*(balance_of(account) for account in page.rows))
        by_id = dict(zip((one.account_id for one in page.rows), balances, strict=True))

        def shape(account: Account) -> Json:
            return live_account_shape(account, by_id[account.account_id])

        return answer(listing(page, shape))

    async def _create_account(self, request: web.Request) -> web.Response:
        body = await read_body(request, NewAccountBody)
        account = await self._accounts.create(body.name, body.email)
        return answer(account_shape(account), status=201)

    async def _show_account(self, request: web.Request) -> web.Response:
        account = await self._accounts.get(_account_id(request))
        balance = await self._live_balance(account.account_id)
        return answer(live_account_shape(account, balance))

    async def _live_balance(self, account_id: str) -> WorkingBalance | None:
        try:
            return await self._working_copy.balance(account_id)
        except (RedisUnavailableError, DatabaseUnavailableError):
            return None

    async def _tell(self, account_id: str) -> None:
        error = await tell(self._working_copy, account_id)
        if error:
            _log.warning("change_reaches_redis_later", account_id=account_id, reason=str(error))

    async def _list_keys(self, request: web.Request) -> web.Response:
        keys = await self._keys.of_account(_account_id(request))
        return answer({"data": [key_shape(key) for key in keys], "nextCursor": None})

    async def _create_key(self, request: web.Request) -> web.Response:
        body = await read_body(request, NewKeyBody)
        created = await self._keys.create(
            _account_id(request), body.name, monthly_limit_mc=_limit_mc(body.monthly_limit)
        )
        await self._tell(created.api_key.account_id)
        return answer({**key_shape(created.api_key), "key": created.text}, status=201)

    async def _limit_key(self, request: web.Request) -> web.Response:
        body = await read_body(request, KeyLimitBody)
        limit_mc = _limit_mc(body.monthly_limit)
        limited = await self._keys.set_monthly_limit(request.match_info["key_id"], limit_mc)
        await self._tell(limited.account_id)
        return answer(key_shape(limited))

    async def _revoke_key(self, request: web.Request) -> web.Response:
        revoked = await self._keys.revoke(request.match_info["key_id"])
        await self._tell(revoked.account_id)
        return answer(key_shape(revoked))

    async def _create_console_session(self, request: web.Request) -> web.Response:
        await read_body(request, NoFieldsBody, may_be_empty=True)
        account = await self._accounts.get(_account_id(request))
        token = await self._sessions.create_link(account.account_id)
        return answer({"url": f"{self._public_url}/console/login?token={token}"}, status=201)

    async def _usage(self, request: web.Request) -> web.Response:
        query = read_list_query(request, {"accountId": id_filter, **USAGE_FILTERS})
        wanted = UsageFilter(
            account_id=query.filters.get("accountId"),
            model=query.filters.get("model"),
            key_id=query.filters.get("keyId"),
            status=query.filters.get("status"),
        )
        page = await self._reports.usage(wanted, query.window)
        return answer(listing(page, operators_usage_shape))

    async def _alerts(self, request: web.Request) -> web.Response:
        query = read_list_query(request, {"kind": text_filter})
        page = await self._reports.alerts(query.filters.get("kind"), query.window)
        return answer(listing(page, alert_shape))


def _account_id(request: web.Request) -> str:
    return request.match_info["account_id"]


def _limit_mc(raw: msgspec.Raw) -> int | None:
    return None if bytes(raw) == b"null" else credits_of(raw, "monthlyLimitCredits")
