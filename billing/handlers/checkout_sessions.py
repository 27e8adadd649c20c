"""Events of visits to the checkout page."""

from collections.abc import Mapping

from billing.handlers.handler import Handler
from billing.stripe_objects import CheckoutSession, Event, read_object
from billing.takings import Accounts, Takings
from ledger.database import Connection


async def _take(takings: Takings, connection: Connection, event: Event) -> Accounts:
    session = read_object(event.data.object, CheckoutSession)
    return await takings.take_session(connection, session)


async def _take_failed(takings: Takings, connection: Connection, event: Event) -> Accounts:
    session = read_object(event.data.object, CheckoutSession)
    return await takings.take_session(connection, session, has_failed=True)


HANDLERS: Mapping[str, Handler] = {
    "checkout.session.completed": _take,
    "checkout.session.async_payment_succeeded": _take,
    "checkout.session.async_payment_failed": _take_failed,
    "checkout.session.expired": _take,
}
