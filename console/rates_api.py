"""What operators ask about rates: `/admin/rate-versions`."""

from aiohttp import web

from console.json import Json, answer, listing, timestamp
from console.operator_guard import OperatorGuard
from console.paging import read_list_query
from ledger.rate_versions import RateApplication, RateVersions


class RatesApi:
    """Which rates were in force when."""

    def __init__(self, guard: OperatorGuard, versions: RateVersions) -> None:
        self._guard = guard
        self._versions = versions

    def routes(self) -> list[web.RouteDef]:
        """To be added to an application."""
        return [web.get("/admin/rate-versions", self._guard.guarded(self._list))]

    async def _list(self, request: web.Request) -> web.Response:
        window = read_list_query(request, {}).window
        return answer(listing(await self._versions.history(window), application_shape))


def application_shape(applied: RateApplication) -> Json:
    """Rates that came into force, with what they were."""
    return {
        "version": applied.version,
        "appliedAt": timestamp(applied.applied_at),
        "inForceFrom": timestamp(applied.in_force_from),
        "reason": applied.reason,
        "host": applied.host,
        "source": applied.source,
        "fileOwner": applied.file_owner,
        "models": {
            name: {
                "rates": {dimension: rate.text for dimension, rate in model.rates.items()},
                "costs": {dimension: cost.text for dimension, cost in model.costs.items()},
            }
            for name, model in applied.models.items()
        },
    }
