"""Relays a stream of server-sent events; its end waits for the settlement."""

from collections.abc import Iterator
from contextlib import contextmanager

from aiohttp import web
from multidict import CIMultiDict

from ledger.errors import SettlementUnavailableError
from ledger.records import Status
from proxy.charges import Outcome
from proxy.errors import CallStoppedError, error_event
from proxy.relay.client_stream import ClientStream
from proxy.relay.departures import Departures
from proxy.relay.sse import EventTooLargeError
from proxy.relay.stream_meter import StreamMeter
from proxy.reserving import HeldCall
from proxy.upstreams.upstream import UpstreamAnswer, UpstreamCutError


class StreamRelay:
    """Relays streams to clients; reads on for those that leave."""

    def __init__(self, departures: Departures, *, drain_s: float, client_timeout_s: float) -> None:
        self._departures = departures
        self._drain_s = drain_s
        self._client_timeout_s = client_timeout_s

    @contextmanager
    def watching(self, request: web.Request, held: HeldCall) -> Iterator[None]:
        """Ends the wait for a stream to begin, in a while, if its client leaves meanwhile."""
        if not held.call.is_stream:
            yield  # of other calls the usage comes with the answer, however late
            return

        def leave() -> None:
            held.reservation.end_after(self._drain_s)

        with self._departures.watching(request, leave):
            yield

    async def relay(
        self,
        request: web.Request,
        held: HeldCall,
        answer: UpstreamAnswer,
        headers: CIMultiDict[str],
    ) -> web.StreamResponse:
        """Sends a stream to the client, charged before its terminal event.

        Raises:
            CallStoppedError, UpstreamCutError: nothing had come; nothing is charged.
            SettlementUnavailableError: nothing had been sent yet.
        """
        client = ClientStream(
            request,
            answer.status,
            headers,
            timeout_s=self._client_timeout_s,
            on_departure=lambda: held.reservation.end_after(self._drain_s),
        )
        meter = StreamMeter(
            wants_usage=held.call.wants_usage,
            choices=held.call.chat.n or 1,
            hides_reasoning=held.call.model.hidden_reasoning,
        )
        with self._departures.watching(request, client.leave):
            failure = await self._pump(held, answer, client, meter)
        outcome = _outcome(held, meter, failure, has_left=client.has_left)
        if failure and not client.has_begun and not meter.has_error and outcome.status == "failed":
            raise failure  # the hold's owner releases it
        try:
            receipt = await held.settle(outcome)
        except SettlementUnavailableError as error:
            if not client.has_begun:
                raise
            return await client.fail_with(error_event(error))
        if failure and not meter.has_error:
            return await client.fail_with(error_event(failure))
        response = await client.end(meter.ending(receipt.charge_mc))
        if meter.has_ended:
            await answer.finish()
        return response

    async def _pump(
        self, held: HeldCall, answer: UpstreamAnswer, client: ClientStream, meter: StreamMeter
    ) -> Exception | None:
        """Passes on what comes until the stream ends; what went wrong, if something did."""
        try:
            async with held.reservation.guard():
                async for block in answer.blocks():
                    await client.write(meter.feed(block))
                    if meter.has_ended:
                        break
                await client.write(meter.end())
        except TimeoutError:
            return CallStoppedError()
        except UpstreamCutError as error:
            await client.write(meter.end())
            return None if meter.has_ended and not meter.has_error else error
        except EventTooLargeError:
            return UpstreamCutError("an event without an end")
        return None if meter.is_complete else UpstreamCutError("no end")


def _outcome(
    held: HeldCall, meter: StreamMeter, failure: Exception | None, *, has_left: bool
) -> Outcome:
    """What is charged: what was reported, else what was received, else nothing."""
    status: Status = "abandoned" if has_left else "cut" if failure else "completed"
    has_output = meter.usage is not None and meter.usage.output_tokens > 0
    if failure and not has_output and not meter.transcript.has_content:
        # Nobody pays for an answer that never began, but for one's own leaving.
        was_drained = isinstance(failure, CallStoppedError) and not held.reservation.is_stopped
        if not was_drained:
            return Outcome(status="failed")
    return Outcome(
        status=status,
        usage=meter.usage,
        transcript=meter.transcript,
        is_usage_partial=meter.is_usage_behind and status != "completed",
    )
