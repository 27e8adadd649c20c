"""Saving a card: Stripe's page for it, and what may be shown of a card that was saved."""

import asyncpg
import structlog

from billing.errors import StripeRefusedError, StripeUnavailableError
from billing.queries import load_queries
from billing.recharge_requests import customer_key, customer_params, setup_params
from billing.settings import forget_customer, read_settings, save_customer
from billing.stripe_client import StripeApi
from billing.stripe_objects import PaymentMethod
from ledger.database import acquired, transaction
from ledger.ids import new_id

AT_ONCE = 20
SOME_CARD = "card"

_QUERIES = load_queries("settings")
_log = structlog.get_logger(__name__)


class CardSetup:
    """`page_url` is where people come back to from Stripe's page."""

    def __init__(self, api: StripeApi, pool: asyncpg.Pool, *, page_url: str) -> None:
        self._api = api
        self._pool = pool
        self._page_url = page_url

    async def begin(self, account_id: str) -> str:
        """The address of Stripe's page on which the customer saves a card.

        Raises:
            AccountUnknownError: there is no such account.
            StripeUnavailableError, StripeRefusedError: there is no page now.
            DatabaseUnavailableError: to be tried again.
        """
        customer_id = await self._customer(account_id)
        try:
            return await self._page(account_id, customer_id)
        except StripeRefusedError as error:
            if not error.is_unknown:
                raise
        # Deleted in Stripe's dashboard, or of the other mode, live or test.
        _log.warning("customer_gone", account=account_id, customer=customer_id)
        async with acquired(self._pool) as connection:
            await forget_customer(connection, account_id, customer_id)
        customer_id = await self._customer(account_id, instead_of=customer_id)
        return await self._page(account_id, customer_id)

    async def _page(self, account_id: str, customer_id: str) -> str:
        params = setup_params(
            account_id,
            customer_id,
            success_url=f"{self._page_url}?card=saved",
            cancel_url=f"{self._page_url}?card=cancelled",
        )
        session = await self._api.create_checkout_session(params, f"tollgate-setup-{new_id()}")
        if session.url is None:
            raise StripeUnavailableError("Stripe's session has no page")
        return session.url

    async def learn_cards(self) -> None:
        """Asks for what may be shown of cards of which events have told only the id."""
        async with acquired(self._pool) as connection:
            rows = await connection.fetch(_QUERIES["cards_to_learn"], AT_ONCE)
        for row in rows:
            try:
                await self._learn(row["stripe_payment_method_id"])
            except (StripeUnavailableError, StripeRefusedError) as error:
                # Not about this card. Recharges wait for this: the others next time.
                _log.warning("card_not_learned", reason=str(error))
                break

    async def _learn(self, payment_method_id: str) -> None:
        try:
            brand, last4 = _shown(await self._api.payment_method(payment_method_id))
        except StripeRefusedError as error:
            if not error.is_unknown:
                raise
            # It would say so again each second. Whether it can be charged is seen when it is.
            _log.warning("card_not_learned", reason=str(error))
            brand, last4 = SOME_CARD, None
        async with acquired(self._pool) as connection:
            await connection.execute(_QUERIES["learn_card"], payment_method_id, brand, last4)

    async def _customer(self, account_id: str, instead_of: str | None = None) -> str:
        async with acquired(self._pool) as connection:
            settings = await read_settings(connection, account_id)
        if settings.customer_id is not None:
            return settings.customer_id
        name, email = settings.account_name, settings.account_email
        customer = await self._api.create_customer(
            customer_params(account_id, name, email),
            customer_key(account_id, name, email, instead_of),
        )
        async with transaction(self._pool) as connection:
            await save_customer(connection, account_id, customer.id)
            settings = await read_settings(connection, account_id)
        return settings.customer_id or customer.id


def _shown(method: PaymentMethod) -> tuple[str, str | None]:
    card = method.card
    brand = method.type if card is None or card.brand is None else card.brand
    return brand, None if card is None else card.last4
