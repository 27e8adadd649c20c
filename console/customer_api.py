"""What client apps and the Credits page ask about their own account: `/v1/credits/*`."""

from collections.abc import Callable
from typing import get_args

from aiohttp import web

from config.rates import RateTable
from config.settings import Settings
from console.bodies import read_body
from console.estimate import EstimateBody, Estimator
from console.export_answers import GZIP, ExportAnswers, wants_gzip
from console.exports import own_ledger_export, own_usage_export
from console.handling import answering_errors, bad_value
from console.identity import IDENTITY
from console.json import answer, listing
from console.low_balance import LowBalanceThresholds
from console.paging import (
    JSON,
    ListQuery,
    choice_filter,
    id_filter,
    read_list_query,
    text_filter,
)
from console.shapes import balance_shape, entry_shape, rates_shape, usage_shape
from ledger.exports.formats import FORMATS, Format
from ledger.posting import ENTRY_TYPES
from ledger.records import Status
from ledger.reports import EntryFilter, Reports, UsageFilter
from ledger.working_copy import WorkingCopy

USAGE_FILTERS = {
    "model": text_filter,
    "keyId": id_filter,
    "status": choice_filter(get_args(Status)),
}
LEDGER_FILTERS = {"type": choice_filter(ENTRY_TYPES)}
_FORMATS = (JSON, *FORMATS)


class CustomerApi:
    """Needs `request[IDENTITY]`: every answer is about that account, whatever is asked."""

    def __init__(
        self,
        reports: Reports,
        working_copy: WorkingCopy,
        estimator: Estimator,
        rates: Callable[[], RateTable],
        settings: Settings,
        *,
        exports: ExportAnswers,
        thresholds: LowBalanceThresholds,
    ) -> None:
        self._reports = reports
        self._working_copy = working_copy
        self._estimator = estimator
        self._rates = rates
        self._settings = settings
        self._exports = exports
        self._thresholds = thresholds

    def routes(self) -> list[web.RouteDef]:
        """To be added to an application, behind authentication by key."""
        return [
            web.get("/v1/credits/balance", answering_errors(self._balance)),
            web.get("/v1/credits/usage", answering_errors(self._usage)),
            web.get("/v1/credits/usage/{request_id}", answering_errors(self._call)),
            web.get("/v1/credits/ledger", answering_errors(self._ledger)),
            web.get("/v1/credits/rates", answering_errors(self._show_rates)),
            web.post("/v1/credits/estimate", answering_errors(self._estimate)),
        ]

    async def _balance(self, request: web.Request) -> web.Response:
        account_id = request[IDENTITY].account_id
        balance = await self._working_copy.balance(account_id)
        shape = balance_shape(
            account_id,
            balance,
            threshold_mc=await self._thresholds.of(account_id),
            credits_per_usd=self._settings.credits_per_usd,
        )
        return answer(shape)

    async def _usage(self, request: web.Request) -> web.StreamResponse:
        query = read_list_query(request, {**USAGE_FILTERS, **GZIP}, _FORMATS)
        wanted = UsageFilter(
            account_id=request[IDENTITY].account_id,
            model=query.filters.get("model"),
            key_id=query.filters.get("keyId"),
            status=query.filters.get("status"),
        )
        form = _file_format(query)
        if form is not None:
            export = own_usage_export(wanted, query.window, query.limit, form)
            gzip = wants_gzip(query.filters, form)
            return await self._exports.answer(request, export, gzip=gzip)
        return answer(listing(await self._reports.usage(wanted, query.window), usage_shape))

    async def _call(self, request: web.Request) -> web.Response:
        account_id = request[IDENTITY].account_id
        return answer(
            usage_shape(await self._reports.call(account_id, request.match_info["request_id"]))
        )

    async def _ledger(self, request: web.Request) -> web.StreamResponse:
        query = read_list_query(request, {**LEDGER_FILTERS, **GZIP}, _FORMATS)
        wanted = EntryFilter(
            account_id=request[IDENTITY].account_id, entry_type=query.filters.get("type")
        )
        form = _file_format(query)
        if form is not None:
            export = own_ledger_export(wanted, query.window, query.limit, form)
            gzip = wants_gzip(query.filters, form)
            return await self._exports.answer(request, export, gzip=gzip)
        return answer(listing(await self._reports.entries(wanted, query.window), entry_shape))

    async def _show_rates(self, _request: web.Request) -> web.Response:
        return answer(rates_shape(self._rates(), self._settings.credits_per_usd))

    async def _estimate(self, request: web.Request) -> web.Response:
        body = await read_body(request, EstimateBody)
        return answer(await self._estimator.estimate(body))


def _file_format(query: ListQuery) -> Format | None:
    """The format of the file that is asked for; None for a page of the list."""
    if query.format != JSON:
        return FORMATS[query.format]
    if "gzip" in query.filters:
        raise bad_value("gzip", "is for files: give a format as well, like format=csv")
    return None
