"""Stripe's API, through its own library: the requests that we make, each typed by that library."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any, TypeVar

import msgspec
import stripe
import structlog
from stripe.params import (
    CustomerCreateParams,
    DisputeListParams,
    PaymentIntentCreateParams,
    PaymentIntentListParams,
    RefundListParams,
    SetupIntentListParams,
)
from stripe.params.checkout import SessionCreateParams, SessionListParams

from billing.errors import RequestChangedError, StripeRefusedError, StripeUnavailableError
from billing.stripe_objects import (
    BadObjectError,
    CheckoutSession,
    Customer,
    Dispute,
    PaymentIntent,
    PaymentMethod,
    Refund,
    SetupIntent,
    read_object,
)

T = TypeVar("T", bound=msgspec.Struct)

TIMEOUT_S = 20
RETRIES = 2
MOST_AT_ONCE = 100
# All attempts of one request: somebody waits for it. It may be made again with the same key.
LONGEST_WAIT_S = 25.0

_PASSING_STATUSES = (409, 429)
_log = structlog.get_logger(__name__)


class StripeApi:
    """Stripe for one operator. Every method raises, besides what it says:

    StripeUnavailableError: no answer, or not now; it may have happened.
    StripeRefusedError: refused; the same request would be refused again.
    """

    def __init__(self, secret_key: str, *, api_base: str | None = None) -> None:
        self._http = stripe.AIOHTTPClient(timeout=TIMEOUT_S)
        self._client = stripe.StripeClient(
            secret_key,
            http_client=self._http,
            base_addresses={"api": api_base} if api_base else {},
            max_network_retries=RETRIES,
        )
        self.is_live = "_live_" in secret_key

    def __repr__(self) -> str:
        return "StripeApi(…)"

    async def close(self) -> None:
        """Closes its connections."""
        await self._http.close_async()  # type: ignore[no-untyped-call]

    async def create_checkout_session(
        self, params: SessionCreateParams, idempotency_key: str
    ) -> CheckoutSession:
        """A new visit to the checkout page, or the one that this key has made before."""
        return await _asked(
            CheckoutSession,
            lambda: self._client.v1.checkout.sessions.create_async(
                params, {"idempotency_key": idempotency_key}
            ),
        )

    async def checkout_session(self, session_id: str) -> CheckoutSession:
        """A visit to the checkout page as it is now."""
        sessions = self._client.v1.checkout.sessions
        return await _asked(CheckoutSession, lambda: sessions.retrieve_async(session_id))

    async def create_customer(self, params: CustomerCreateParams, idempotency_key: str) -> Customer:
        """A new customer, or the one that this key has made before."""
        return await _asked(
            Customer,
            lambda: self._client.v1.customers.create_async(
                params, {"idempotency_key": idempotency_key}
            ),
        )

    async def create_payment_intent(
        self, params: PaymentIntentCreateParams, idempotency_key: str
    ) -> PaymentIntent:
        """A new payment, or the one that this key has made before.

        Raises:
            StripeRefusedError: also where the bank declines, or wants to see the customer.
        """
        return await _asked(
            PaymentIntent,
            lambda: self._client.v1.payment_intents.create_async(
                params, {"idempotency_key": idempotency_key}
            ),
        )

    async def payment_intent(self, payment_intent_id: str) -> PaymentIntent:
        """A payment as it is now, with its latest charge."""
        return await _asked(
            PaymentIntent,
            lambda: self._client.v1.payment_intents.retrieve_async(
                payment_intent_id, {"expand": ["latest_charge"]}
            ),
        )

    async def setup_intent(self, setup_intent_id: str) -> SetupIntent:
        """A wish to save a card as it is now, with the card."""
        return await _asked(
            SetupIntent,
            lambda: self._client.v1.setup_intents.retrieve_async(
                setup_intent_id, {"expand": ["payment_method"]}
            ),
        )

    async def payment_method(self, payment_method_id: str) -> PaymentMethod:
        """A saved way to pay."""
        methods = self._client.v1.payment_methods
        return await _asked(PaymentMethod, lambda: methods.retrieve_async(payment_method_id))

    async def checkout_sessions_since(self, since: datetime) -> AsyncIterator[CheckoutSession]:
        """All visits to the checkout page that began then or later, newest first."""
        params: SessionListParams = {"created": {"gte": _seconds(since)}, "limit": MOST_AT_ONCE}
        listing = self._client.v1.checkout.sessions.list_async
        async for one in _listed(CheckoutSession, lambda: listing(params)):
            yield one

    async def payment_intents_since(
        self, since: datetime, *, is_whole: bool = False
    ) -> AsyncIterator[PaymentIntent]:
        """All payments that were begun then or later, newest first, with their latest charges.

        Where `is_whole`, one that cannot be read is an error: what is not found is not there.
        """
        params: PaymentIntentListParams = {
            "created": {"gte": _seconds(since)},
            "limit": MOST_AT_ONCE,
            "expand": ["data.latest_charge"],
        }
        listing = self._client.v1.payment_intents.list_async
        async for one in _listed(PaymentIntent, lambda: listing(params), is_whole=is_whole):
            yield one

    async def refunds_since(self, since: datetime) -> AsyncIterator[Refund]:
        """All refunds that were made then or later, newest first."""
        params: RefundListParams = {"created": {"gte": _seconds(since)}, "limit": MOST_AT_ONCE}
        async for one in _listed(Refund, lambda: self._client.v1.refunds.list_async(params)):
            yield one

    async def disputes_since(self, since: datetime) -> AsyncIterator[Dispute]:
        """All disputes that were begun then or later, newest first."""
        params: DisputeListParams = {"created": {"gte": _seconds(since)}, "limit": MOST_AT_ONCE}
        async for one in _listed(Dispute, lambda: self._client.v1.disputes.list_async(params)):
            yield one

    async def setup_intents_since(self, since: datetime) -> AsyncIterator[SetupIntent]:
        """All wishes to save a card since then, newest first, with their cards."""
        params: SetupIntentListParams = {
            "created": {"gte": _seconds(since)},
            "limit": MOST_AT_ONCE,
            "expand": ["data.payment_method"],
        }
        listing = self._client.v1.setup_intents.list_async
        async for one in _listed(SetupIntent, lambda: listing(params)):
            yield one


async def _asked(shape: type[T], ask: Callable[[], Awaitable[stripe.StripeObject]]) -> T:
    with _stripe_errors():
        async with asyncio.timeout(LONGEST_WAIT_S):
            found = await ask()
        return read_object(found.to_dict(), shape)


async def _listed(
    shape: type[T], ask: Callable[[], Awaitable[Any]], *, is_whole: bool = False
) -> AsyncIterator[T]:
    with _stripe_errors():
        page = await ask()
        async for one in page.auto_paging_iter():
            values = one.to_dict()
            try:
                found = read_object(values, shape)
            except BadObjectError as error:
                if is_whole:
                    raise
                # Of whatever else this account sells, perhaps: the others must not wait for it.
                _log.warning("stripe_object_not_read", id=values.get("id"), reason=str(error))
                continue
            yield found


def _seconds(moment: datetime) -> int:
    return int(moment.timestamp())


@contextmanager
def _stripe_errors() -> Iterator[None]:
    # The library's errors carry answers and headers; only their texts go on, without the key.
    try:
        yield
    except stripe.IdempotencyError as error:
        raise RequestChangedError(_text(error), code=error.code) from None
    except stripe.CardError as error:
        raise _declined(error) from None
    except stripe.StripeError as error:
        status = error.http_status
        if status is None or status >= 500 or status in _PASSING_STATUSES:
            raise StripeUnavailableError(_text(error)) from None
        raise StripeRefusedError(_text(error), code=error.code) from None
    except TimeoutError:
        raise StripeUnavailableError(f"no answer within {LONGEST_WAIT_S:.0f} s") from None
    except BadObjectError as error:
        raise StripeUnavailableError(f"its answer makes no sense: {error}") from None


def _declined(error: stripe.CardError) -> StripeRefusedError:
    body = error.json_body if isinstance(error.json_body, dict) else {}
    details = body.get("error") or {}
    intent = details.get("payment_intent") or {}
    return StripeRefusedError(
        _text(error),
        code=error.code,
        decline_code=details.get("decline_code"),
        payment_intent_id=intent.get("id"),
    )


def _text(error: stripe.StripeError) -> str:
    # An authentication error repeats a part of the key.
    if isinstance(error, stripe.AuthenticationError):
        return "Stripe does not accept the key"
    return error.user_message or type(error).__name__
