"""Events of saved cards: one was saved, one is gone."""

from collections.abc import Mapping

from billing.handlers.handler import Handler
from billing.saved_cards import take_saved_card
from billing.settings import forget_card
from billing.stripe_objects import Event, PaymentMethod, SetupIntent, read_object
from billing.takings import NONE, Accounts, Takings
from ledger.database import Connection


async def _save(_takings: Takings, connection: Connection, event: Event) -> Accounts:
    intent = read_object(event.data.object, SetupIntent)
    await take_saved_card(connection, intent, event.created_at)
    return NONE  # the balance is as it was


async def _forget(_takings: Takings, connection: Connection, event: Event) -> Accounts:
    await forget_card(connection, read_object(event.data.object, PaymentMethod).id)
    return NONE


HANDLERS: Mapping[str, Handler] = {
    "setup_intent.succeeded": _save,
    "payment_method.detached": _forget,
}
