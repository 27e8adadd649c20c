"""What Stripe says of saved cards, taken down, whether an event brought it or we have asked."""

from datetime import UTC, datetime

import structlog

from billing.settings import SavedCard, read_settings, save_card
from billing.stripe_objects import ACCOUNT_ID, PaymentMethod, SetupIntent, id_of
from ledger.database import Connection
from ledger.errors import AccountUnknownError
from ledger.texts import read_id

_log = structlog.get_logger(__name__)


async def take_saved_card(connection: Connection, intent: SetupIntent, saved_at: datetime) -> None:
    """Keeps the card that a customer has saved, if it is one of ours and not an older one."""
    customer_id, payment_method_id = id_of(intent.customer), id_of(intent.payment_method)
    claim = (intent.metadata or {}).get(ACCOUNT_ID, "")
    if customer_id is None or payment_method_id is None:
        return
    try:
        account_id = str(read_id(claim, AccountUnknownError))
        settings = await read_settings(connection, account_id)
    except AccountUnknownError:
        _log.info("not_a_card_of_ours", setup_intent_id=intent.id)
        return
    if settings.customer_id not in (None, customer_id):
        _log.warning("card_of_another_customer", setup_intent_id=intent.id)
        return
    card = SavedCard(
        customer_id=customer_id, payment_method_id=payment_method_id, saved_at=saved_at
    )
    await save_card(connection, account_id, card)


async def take_found_card(connection: Connection, intent: SetupIntent) -> None:
    """The same for an intent that we have asked for with its card, which may be gone since."""
    method = intent.payment_method
    if intent.status != "succeeded" or not isinstance(method, PaymentMethod):
        return
    if method.customer is not None:
        # The intent is as old as the page; the card is from when it was entered.
        await take_saved_card(connection, intent, datetime.fromtimestamp(method.created, UTC))
