"""The way of a metered call, in eight steps; the eighth, writing, is the writer's, later."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web

from config.settings import Settings
from pricing.money import credits_text
from pricing.quote import quote
from proxy.call_log import CALL_LOG
from proxy.calls.reading import read_call
from proxy.errors import CallStoppedError
from proxy.rates.current import CurrentRates
from proxy.relay.answer import relay_answer
from proxy.relay.stream import StreamRelay
from proxy.reserving import HeldCall, Reserving
from proxy.upstreams.headers import for_client, for_provider
from proxy.upstreams.upstream import Upstream, UpstreamAnswer

PATH = "/chat/completions"


class Metering:
    """Serves `POST /v1/chat/completions`."""

    def __init__(
        self,
        settings: Settings,
        rates: CurrentRates,
        reserving: Reserving,
        upstreams: dict[str, Upstream],
        streams: StreamRelay,
    ) -> None:
        self._settings = settings
        self._rates = rates
        self._reserving = reserving
        self._upstreams = upstreams
        self._streams = streams

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """One call, from its key to its charge."""
        # 1. authenticate: the middleware has found out whose key it is; reserve asks if it is good.
        log = request[CALL_LOG]
        # 2. read
        call = await read_call(
            request,
            self._rates.current(),
            self._settings.max_body_bytes,
            self._settings.client_timeout_s,
        )
        log.read(call)
        # 3. quote
        cheap = quote(call.model, call.bounds, self._settings.rounding)
        # 4. reserve
        async with self._reserving.hold(call, cheap) as held:
            log.held = held
            # 5. forward
            async with self._forward(request, held) as answer:
                log.answered(answer.status)
                # 6. relay, and 7. settle before the last byte
                return await self._relay(request, held, answer)

    @asynccontextmanager
    async def _forward(self, request: web.Request, held: HeldCall) -> AsyncIterator[UpstreamAnswer]:
        upstream = self._upstreams[held.call.model.upstream]
        headers = for_provider(request.headers.items())
        try:
            with self._streams.watching(request, held):
                async with held.reservation.guard():
                    answer = await upstream.post(PATH, headers, held.call.upstream_body(held.limit))
        except TimeoutError:
            if not held.reservation.is_stopped:
                held.abandon()
            raise CallStoppedError from None
        try:
            yield answer
        finally:
            answer.close()

    async def _relay(
        self, request: web.Request, held: HeldCall, answer: UpstreamAnswer
    ) -> web.StreamResponse:
        headers = for_client(answer.headers, _ours(held))
        is_stream = headers.get("content-type", "").lower().startswith("text/event-stream")
        if is_stream and answer.status < 300:
            return await self._streams.relay(request, held, answer, headers)
        timeout_s = self._settings.client_timeout_s
        return await relay_answer(request, held, answer, headers, timeout_s)


def _ours(held: HeldCall) -> dict[str, str]:
    """What is known of a call's credits before its answer ends."""
    ours = {"x-credits-ceiling": credits_text(held.quoted.ceiling_mc)}
    if held.limit is not None:
        ours["x-credits-max-tokens"] = str(held.limit)
    return ours
