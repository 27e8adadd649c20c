"""Purchases: what customers have begun to buy, and what became of each."""

from datetime import datetime
from typing import Literal
from uuid import UUID

import asyncpg
import msgspec

from billing.errors import PurchaseUnknownError
from billing.queries import load_queries
from ledger.database import acquired
from ledger.pages import Page, Position, Window, page_of
from ledger.texts import read_id

_QUERIES = load_queries("purchases")

Kind = Literal["checkout", "auto_recharge"]
Status = Literal["created", "open", "processing", "paid", "expired", "failed"]


class Purchase(msgspec.Struct, frozen=True, kw_only=True):
    """A purchase. `price_cents` buys `base_mc` and `bonus_mc`; `charged_cents` is what was charged,
    and `paid_cents` what of it was for credits; what is posted is what the ledger has of it.
    """

    purchase_id: str
    account_id: str
    kind: Kind
    package_id: str
    label: str
    price_cents: int
    base_mc: int
    bonus_mc: int
    is_price_exact: bool
    status: Status
    created_at: datetime
    checkout_session_id: str | None
    checkout_url: str | None
    payment_intent_id: str | None
    failure: str | None
    paid_at: datetime | None
    paid_cents: int | None
    charged_cents: int | None
    posted_base_mc: int
    posted_bonus_mc: int
    posted_base_refund_mc: int
    posted_bonus_refund_mc: int
    posted_dispute_mc: int
    posting_rounds: int
    receipt_url: str | None

    @property
    def credited_mc(self) -> int:
        """What it has brought to the balance, whatever was taken back since."""
        return self.posted_base_mc + self.posted_bonus_mc

    @property
    def is_test_checkout(self) -> bool:
        """Whether it is sold on a page of Stripe's test mode, as the page's id says."""
        return (self.checkout_session_id or "").startswith("cs_test_")


class Purchases:
    """Reads purchases. All methods raise DatabaseUnavailableError when Postgres is away."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool

    async def get(self, purchase_id: str) -> Purchase:
        """One purchase.

        Raises:
            PurchaseUnknownError: there is none.
        """
        purchase_uuid = read_id(purchase_id, PurchaseUnknownError)
        async with acquired(self._pool) as connection:
            row = await connection.fetchrow(_QUERIES["purchase"], purchase_uuid)
        if row is None:
            raise PurchaseUnknownError(purchase_id)
        return read_purchase(row)

    async def page(self, account_id: str, window: Window) -> Page[Purchase]:
        """An account's purchases by the time at which they were begun, newest first."""
        async with acquired(self._pool) as connection:
            rows = await connection.fetch(
                _QUERIES["purchases_of_account"], account_id, *window.bounds(), window.limit + 1
            )
        purchases = [read_purchase(row) for row in rows]
        return page_of(
            purchases, window.limit, lambda one: Position(one.created_at, UUID(one.purchase_id))
        )


def read_purchase(row: asyncpg.Record) -> Purchase:
    """A purchase out of a row of `purchases` with its receipt."""
    values = dict(row)
    values["purchase_id"] = str(values.pop("id"))
    values["account_id"] = str(values["account_id"])
    return Purchase(**values)
