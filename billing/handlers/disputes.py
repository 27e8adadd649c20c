"""Events of disputes: begun, money taken, money given back, over."""

from collections.abc import Mapping

from billing.handlers.handler import Handler
from billing.stripe_objects import Dispute, Event, read_object
from billing.takings import Accounts, Takings
from ledger.database import Connection


async def _take(takings: Takings, connection: Connection, event: Event) -> Accounts:
    dispute = read_object(event.data.object, Dispute)
    return await takings.take_dispute(connection, dispute, event.type)


HANDLERS: Mapping[str, Handler] = {
    "charge.dispute.created": _take,
    "charge.dispute.updated": _take,
    "charge.dispute.closed": _take,
    "charge.dispute.funds_withdrawn": _take,
    "charge.dispute.funds_reinstated": _take,
}
