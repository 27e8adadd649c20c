"""Where Stripe tells of payments: `POST /webhooks/stripe`."""

from aiohttp import web

from billing.errors import BadEventError, WebhooksOffError
from billing.events import StripeEvents
from console.errors import ApiError
from console.handling import answering_errors
from console.json import answer

PATH = "/webhooks/stripe"
SIGNATURE = "Stripe-Signature"
# Stripe's largest events, those with long lists in them, are far below it.
MOST_BYTES = 1 << 20


class StripeWebhook:
    """2xx only where an event is kept and handled, now or before: Stripe sends others again."""

    def __init__(self, events: StripeEvents) -> None:
        self._events = events

    def routes(self) -> list[web.RouteDef]:
        """To be added to an application; Stripe has no key of ours, it signs what it sends."""
        return [web.post(PATH, answering_errors(self._receive))]

    async def _receive(self, request: web.Request) -> web.Response:
        # The signature is over these very bytes.
        body = await _read_at_most(request, MOST_BYTES)
        try:
            received = await self._events.receive(body, request.headers.get(SIGNATURE))
        except BadEventError as error:
            raise ApiError(400, "bad_event", f"This event is refused: {error}.") from error
        except WebhooksOffError as error:
            raise _off() from error
        return answer({"received": True, "new": received.is_new})


async def _read_at_most(request: web.Request, limit: int) -> bytes:
    body = bytearray()
    async for chunk in request.content.iter_any():
        body += chunk
        if len(body) > limit:
            raise ApiError(413, "body_too_large", f"Events have at most {limit} bytes.")
    return bytes(body)


def _off() -> ApiError:
    return ApiError(404, "unknown_url", f"Unknown request URL: POST {PATH}.")
