"""Events of payments that have succeeded."""

from collections.abc import Mapping

from billing.handlers.handler import Handler
from billing.stripe_objects import Event, PaymentIntent, read_object
from billing.takings import Accounts, Takings
from ledger.database import Connection


async def _take(takings: Takings, connection: Connection, event: Event) -> Accounts:
    return await takings.take_intent(connection, read_object(event.data.object, PaymentIntent))


HANDLERS: Mapping[str, Handler] = {"payment_intent.succeeded": _take}
