"""Events of single refunds: made, changed, failed."""

from collections.abc import Mapping

from billing.handlers.handler import Handler
from billing.stripe_objects import Event, Refund, read_object
from billing.takings import Accounts, Takings
from ledger.database import Connection


async def _take(takings: Takings, connection: Connection, event: Event) -> Accounts:
    return await takings.take_refund(connection, read_object(event.data.object, Refund))


HANDLERS: Mapping[str, Handler] = {
    "refund.created": _take,
    "refund.updated": _take,
    "refund.failed": _take,
    # As older endpoints have it.
    "charge.refund.updated": _take,
}
