"""Events of charges: receipts, and what was refunded in all."""

from collections.abc import Mapping

from billing.handlers.handler import Handler
from billing.stripe_objects import Charge, Event, read_object
from billing.takings import Accounts, Takings
from ledger.database import Connection


async def _take(takings: Takings, connection: Connection, event: Event) -> Accounts:
    return await takings.take_charge(connection, read_object(event.data.object, Charge))


HANDLERS: Mapping[str, Handler] = {
    "charge.succeeded": _take,
    "charge.updated": _take,
    "charge.refunded": _take,
}
