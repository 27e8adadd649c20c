"""The entries of a purchase: which of them a refund takes back, and which a failed one gives back.

Refunds name the entry that they take from, and so go to the other side of it: the price's part to
the account of Stripe, the bonus to that of promotions.
"""

from collections.abc import Sequence
from typing import Literal, get_args

import asyncpg
import msgspec

from billing.purchases import Purchase
from billing.queries import load_queries
from ledger.chart import PROMOTION, STRIPE
from ledger.database import Connection, the_row
from ledger.posting import Posting

_QUERIES = load_queries("crediting")

Side = Literal["base", "bonus"]
SIDES: tuple[Side, ...] = get_args(Side)
COUNTER_ACCOUNTS: dict[Side, str] = {"base": STRIPE, "bonus": PROMOTION}
_ACTOR = "stripe"


class PostedEntry(msgspec.Struct, frozen=True, kw_only=True):
    """An entry; `left_mc` is what corrections have left of it, and expiries."""

    entry_id: str
    entry_type: str
    counter_account: str
    left_mc: int


class PostedEntries(msgspec.Struct, frozen=True):
    """Purchase, bonus and refunds of one purchase, the last first."""

    entries: Sequence[PostedEntry]

    @staticmethod
    async def read(connection: Connection, purchase: Purchase) -> "PostedEntries":
        """What is posted of a purchase. Its account stays locked to the end of the transaction."""
        await the_row(connection, _QUERIES["lock_account"], purchase.account_id)
        rows = await connection.fetch(
            _QUERIES["posted_entries"], purchase.account_id, purchase.purchase_id
        )
        return PostedEntries([_posted(row) for row in rows])

    def given(self, side: Side) -> PostedEntry | None:
        """The entry that gave the price's part, or the bonus."""
        entry_type = "purchase" if side == "base" else "bonus"
        return next((one for one in self.entries if one.entry_type == entry_type), None)

    def refunds(self, side: Side) -> list[PostedEntry]:
        """The refunds of one side, the last first."""
        account = COUNTER_ACCOUNTS[side]
        return [
            one
            for one in self.entries
            if one.entry_type == "refund" and one.counter_account == account
        ]


def refund_postings(
    purchase: Purchase, posted: PostedEntries, side: Side, amount_mc: int
) -> list[Posting]:
    """What takes an amount back; the balance may become negative."""
    given = posted.given(side)
    # More than is left of it where some has expired: the payment went back all the same.
    fits = given is not None and given.left_mc >= amount_mc
    return [
        Posting(
            account_id=purchase.account_id,
            entry_type="refund",
            amount_mc=-amount_mc,
            description=_description(purchase, side),
            actor=_ACTOR,
            idempotency_key=f"{_key(purchase)}:refund:{side}",
            counter_account=COUNTER_ACCOUNTS[side],
            corrects=given.entry_id if given is not None and fits else None,
            ref=purchase.purchase_id,
        )
    ]


def corrections_of_refunds(
    purchase: Purchase, posted: PostedEntries, side: Side, amount_mc: int
) -> list[Posting]:
    """What gives an amount back of refunds that have failed: the last ones first.

    Less, where somebody has corrected those refunds by hand already.
    """
    postings = []
    for refund in posted.refunds(side):
        part_mc = min(amount_mc, -refund.left_mc)
        if part_mc <= 0:
            continue
        amount_mc -= part_mc
        postings.append(
            Posting(
                account_id=purchase.account_id,
                entry_type="adjustment",
                amount_mc=part_mc,
                description=f"{_description(purchase, side)}: has failed",
                actor=_ACTOR,
                idempotency_key=f"{_key(purchase)}:failed:{refund.entry_id}",
                corrects=refund.entry_id,
                ref=purchase.purchase_id,
            )
        )
    return postings


def _posted(row: asyncpg.Record) -> PostedEntry:
    return PostedEntry(
        entry_id=str(row["id"]),
        entry_type=row["entry_type"],
        counter_account=row["counter_account"],
        left_mc=row["amount_mc"] + row["corrected_mc"] - row["expired_mc"],
    )


def _key(purchase: Purchase) -> str:
    return f"stripe:{purchase.purchase_id}:{purchase.posting_rounds}"


def _description(purchase: Purchase, side: Side) -> str:
    what = f"Refund of the {purchase.label} package"
    return what if side == "base" else f"{what}: its bonus"
