"""`GET /v1/models`: the models that have a rate, as OpenAI lists them."""

from collections.abc import Callable
from typing import Any

from aiohttp import web

from config.rates import ModelRates, RateTable
from console.known_models import find_model


class ModelList:
    """Lists models."""

    def __init__(self, rates: Callable[[], RateTable]) -> None:
        self._rates = rates

    def routes(self) -> list[web.RouteDef]:
        """To be added to an application."""
        return [web.get("/v1/models", self._list), web.get("/v1/models/{model:.+}", self._show)]

    async def _list(self, _request: web.Request) -> web.Response:
        table = self._rates()
        data = [_shape(model, table) for model in table.models.values()]
        return web.json_response({"object": "list", "data": data})

    async def _show(self, request: web.Request) -> web.Response:
        table = self._rates()
        return web.json_response(_shape(find_model(table, request.match_info["model"]), table))


def _shape(model: ModelRates, table: RateTable) -> dict[str, Any]:
    return {
        "id": model.name,
        "object": "model",
        "created": table.updated_at_s,
        "owned_by": model.upstream,
    }
