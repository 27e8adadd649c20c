"""What has just happened: a checkout that people come back from, a change that was saved."""

import asyncio
from collections.abc import Mapping

import structlog

from billing.errors import PurchaseUnknownError, StripeRefusedError, StripeUnavailableError
from billing.purchases import Purchase
from billing.returns import Returns
from console.page.query import PageQuery
from console.page.visitor import Visitor
from ledger.errors import RedisUnavailableError
from ledger.working_copy import WorkingBalance, WorkingCopy

# The page looks again by itself.
_LONGEST_WAIT_S = 3.0
_ENDED = ("paid", "expired", "failed", "processing")
_log = structlog.get_logger(__name__)


class NewsPart:
    """Nothing, mostly. A payment of which Stripe has not told yet is asked for."""

    name = "news"
    title = "News"

    def __init__(self, returns: Returns, working_copy: WorkingCopy) -> None:
        self._returns = returns
        self._working_copy = working_copy

    async def load(self, visitor: Visitor, query: PageQuery) -> Mapping[str, object]:
        purchase = await self._purchase(visitor, query)
        is_cancelled = bool(query.get("cancelled"))
        state = purchase and checkout_state(purchase, is_cancelled=is_cancelled)
        return {
            "purchase": purchase,
            "state": state,
            "balance": await self._balance(visitor) if state == "paid" else None,
            "card": query.get("card"),
            "saved": query.get("saved"),
        }

    async def _purchase(self, visitor: Visitor, query: PageQuery) -> Purchase | None:
        purchase_id, session_id = query.get("checkout"), query.get("session_id")
        if purchase_id is None or not visitor.may_change:
            return None
        try:
            return await self._look(visitor.account_id, purchase_id, session_id)
        except PurchaseUnknownError:
            return None

    async def _look(self, account_id: str, purchase_id: str, session_id: str | None) -> Purchase:
        try:
            async with asyncio.timeout(_LONGEST_WAIT_S):
                return await self._returns.look_own(account_id, purchase_id, session_id)
        except (StripeUnavailableError, StripeRefusedError, TimeoutError) as error:
            _log.warning("checkout_not_asked_for", purchase_id=purchase_id, reason=str(error))
            return await self._returns.kept(account_id, purchase_id)

    async def _balance(self, visitor: Visitor) -> WorkingBalance | None:
        try:
            return await self._working_copy.balance(visitor.account_id)
        except RedisUnavailableError:
            return None


def checkout_state(purchase: Purchase | None, *, is_cancelled: bool) -> str:
    """What to say of a purchase: its status once it is decided, else `cancelled` or `pending`."""
    if purchase is not None and purchase.status in _ENDED:
        return purchase.status
    return "cancelled" if is_cancelled else "pending"
