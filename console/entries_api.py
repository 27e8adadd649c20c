"""What operators post to the ledger over HTTP, and what they read of it."""

from datetime import UTC, datetime

import msgspec
import structlog
from aiohttp import web

from console.bodies import credits_of, read_body
from console.customer_api import LEDGER_FILTERS
from console.handling import bad_value
from console.json import answer, listing
from console.operator_guard import OperatorGuard
from console.paging import id_filter, read_list_query
from console.shapes import operators_entry_shape
from ledger.entries import Entries
from ledger.posting import EntryType, Posting
from ledger.reports import EntryFilter, Reports
from ledger.working_copy import WorkingCopy, tell

_log = structlog.get_logger(__name__)

ACTOR = "operator"
EXAMPLE = "2027-01-31T00:00:00Z"


class PostingBody(msgspec.Struct, forbid_unknown_fields=True, rename="camel", kw_only=True):
    """Credits, why, and a key that makes a retry harmless."""

    credits: msgspec.Raw
    description: str
    idempotency_key: str


class GrantBody(PostingBody, forbid_unknown_fields=True, rename="camel", kw_only=True):
    """Credits to give; what is unused of them at `expiresAt`, if given, leaves again."""

    expires_at: str | None = None


class CorrectionBody(PostingBody, forbid_unknown_fields=True, rename="camel", kw_only=True):
    """Credits to add or take, or money paid back; `corrects` is the id of the entry at fault."""

    corrects: str | None = None


class EntriesApi:
    """Grants, adjustments, refunds; and the ledger of all accounts."""

    def __init__(
        self,
        guard: OperatorGuard,
        entries: Entries,
        reports: Reports,
        working_copy: WorkingCopy,
    ) -> None:
        self._guard = guard
        self._entries = entries
        self._reports = reports
        self._working_copy = working_copy

    def routes(self) -> list[web.RouteDef]:
        """To be added to an application."""
        account = "/admin/accounts/{account_id}"
        guarded = self._guard.guarded
        return [
            web.post(f"{account}/grants", guarded(self._grant)),
            web.post(f"{account}/adjustments", guarded(self._adjust)),
            web.post(f"{account}/refunds", guarded(self._refund)),
            web.get("/admin/ledger", guarded(self._ledger)),
        ]

    async def _grant(self, request: web.Request) -> web.Response:
        body = await read_body(request, GrantBody)
        posting = _posting(request, "grant", body, credits_of(body.credits))
        expires_at = None if body.expires_at is None else _moment(body.expires_at)
        return await self._post(msgspec.structs.replace(posting, expires_at=expires_at))

    async def _adjust(self, request: web.Request) -> web.Response:
        body = await read_body(request, CorrectionBody)
        posting = _posting(request, "adjustment", body, credits_of(body.credits))
        return await self._post(msgspec.structs.replace(posting, corrects=body.corrects))

    async def _refund(self, request: web.Request) -> web.Response:
        body = await read_body(request, CorrectionBody)
        taken_mc = credits_of(body.credits)
        if taken_mc <= 0:
            raise bad_value("credits", "must be more than zero: a refund takes back that much")
        posting = _posting(request, "refund", body, -taken_mc)
        return await self._post(msgspec.structs.replace(posting, corrects=body.corrects))

    async def _post(self, posting: Posting) -> web.Response:
        posted = await self._entries.post(posting)
        entry = posted.entry
        error = await tell(self._working_copy, entry.account_id)
        if error:
            _log.warning(
                "change_reaches_redis_later", account_id=entry.account_id, reason=str(error)
            )
        return answer(operators_entry_shape(entry), status=201 if posted.is_new else 200)

    async def _ledger(self, request: web.Request) -> web.Response:
        query = read_list_query(request, {"accountId": id_filter, **LEDGER_FILTERS})
        wanted = EntryFilter(
            account_id=query.filters.get("accountId"), entry_type=query.filters.get("type")
        )
        page = await self._reports.entries(wanted, query.window)
        return answer(listing(page, operators_entry_shape))


def _posting(
    request: web.Request, entry_type: EntryType, body: PostingBody, amount_mc: int
) -> Posting:
    return Posting(
        account_id=request.match_info["account_id"],
        entry_type=entry_type,
        amount_mc=amount_mc,
        description=body.description,
        idempotency_key=body.idempotency_key,
        actor=ACTOR,
    )


def _moment(text: str) -> datetime:
    wrong = bad_value("expiresAt", f"must be an ISO 8601 time with an offset, like {EXAMPLE}")
    try:
        at = datetime.fromisoformat(text)
        if at.utcoffset() is None:
            raise wrong
        return at.astimezone(UTC)
    except (ValueError, OverflowError):
        raise wrong from None
