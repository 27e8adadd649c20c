"""A customer coming back from Stripe's page: asks Stripe, so that credits show without the webhook.

It is the same way to credits that events take; whoever is second finds nothing to do.
"""

import asyncio

import asyncpg

from billing.errors import PurchaseUnknownError, StripeUnavailableError
from billing.purchases import Purchase, Purchases
from billing.return_links import ReturnLinks
from billing.stripe_client import StripeApi
from billing.stripe_objects import CheckoutSession
from billing.takings import Takings
from ledger.database import transaction
from ledger.working_copy import WorkingCopy, tell

_UNDECIDED = ("created", "open", "processing")


# Somebody looks at a blank page meanwhile; the page asks again by itself.
LONGEST_WAIT_S = 8.0


class Returns:
    """Shows a purchase to whoever has its token, or is signed in to its account."""

    def __init__(
        self,
        pool: asyncpg.Pool,
        stripe: StripeApi | None,
        takings: Takings,
        working_copy: WorkingCopy,
        links: ReturnLinks,
    ) -> None:
        self._pool = pool
        self._purchases = Purchases(pool)
        self._stripe = stripe
        self._takings = takings
        self._working_copy = working_copy
        self._links = links

    async def look(self, purchase_id: str, token: str, session_id: str | None) -> Purchase:
        """The purchase as Stripe knows it now, credited where it is paid.

        `session_id` is what Stripe's page has put into the link: only asked for where we have not
        kept which session it is, and only believed where that session is of this purchase.

        Raises:
            PurchaseUnknownError: there is none, or the token is not for it.
            StripeUnavailableError, StripeRefusedError: Stripe does not say.
            DatabaseUnavailableError: Postgres is away.
        """
        if not self._links.is_good(purchase_id, token):
            raise PurchaseUnknownError(purchase_id)
        return await self._look(await self._purchases.get(purchase_id), session_id)

    async def look_own(self, account_id: str, purchase_id: str, session_id: str | None) -> Purchase:
        """As `look`, for whoever is signed in to the account. Another account's is unknown."""
        return await self._look(await self.kept(account_id, purchase_id), session_id)

    async def kept(self, account_id: str, purchase_id: str) -> Purchase:
        """An account's purchase as it was last known; Stripe is not asked.

        Raises:
            PurchaseUnknownError: there is none, or it is another account's.
        """
        purchase = await self._purchases.get(purchase_id)
        if purchase.account_id != account_id:
            raise PurchaseUnknownError(purchase_id)
        return purchase

    async def _look(self, purchase: Purchase, session_id: str | None) -> Purchase:
        purchase_id = purchase.purchase_id
        asked_for = purchase.checkout_session_id or session_id
        if self._stripe is None or asked_for is None or purchase.status not in _UNDECIDED:
            return purchase
        session = await _session(self._stripe, asked_for)
        if purchase_id != session.purchase_id:
            return purchase
        async with transaction(self._pool) as connection:
            accounts = await self._takings.take_session(connection, session)
        for account_id in accounts:
            await tell(self._working_copy, account_id)
        return await self._purchases.get(purchase_id)


async def _session(stripe: StripeApi, session_id: str) -> CheckoutSession:
    try:
        async with asyncio.timeout(LONGEST_WAIT_S):
            return await stripe.checkout_session(session_id)
    except TimeoutError:
        raise StripeUnavailableError("no answer yet") from None
