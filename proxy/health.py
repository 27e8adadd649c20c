"""Is the process alive, and should it get calls."""

from aiohttp import web

from ledger.errors import RedisUnavailableError
from ledger.pipeline import Pipeline
from proxy.in_flight import InFlight


class Health:
    """`/healthz` and `/readyz`. Without Postgres calls go on, so it is not asked."""

    def __init__(self, pipeline: Pipeline, in_flight: InFlight) -> None:
        self._pipeline = pipeline
        self._in_flight = in_flight

    def routes(self) -> list[web.RouteDef]:
        """To be added to an application."""
        return [web.get("/healthz", self._alive), web.get("/readyz", self._ready)]

    async def _alive(self, _request: web.Request) -> web.Response:
        return web.json_response({"status": "ok"})

    async def _ready(self, _request: web.Request) -> web.Response:
        if not self._in_flight.is_ready:
            return web.json_response({"status": "closing"}, status=503)
        try:
            await self._pipeline.command("PING")
        except RedisUnavailableError:
            return web.json_response({"status": "no redis"}, status=503)
        return web.json_response({"status": "ok"})
