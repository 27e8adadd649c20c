"""The arithmetic of credits that expire: what expires first is used first. Pure.

What an account has is its lots, each of which expires, and one pool that never does. Whatever is
used comes out of the lots first, the soonest to expire before the others; the pool is the balance
less the lots, and is below zero only where the lots are empty.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta

import msgspec

from ledger.chart import EXPIRED_REVENUE, PROMOTION


class Lot(msgspec.Struct, frozen=True, kw_only=True):
    """What is left of one entry's credits, in millicredits; `sequence` is its entry's."""

    entry_id: str
    entry_type: str
    sequence: int
    expires_at: datetime
    remaining_mc: int


Lots = tuple[Lot, ...]


def in_order(lots: Iterable[Lot]) -> Lots:
    """The order in which lots are used: the soonest to expire first, then the oldest."""
    return tuple(sorted(lots, key=lambda lot: (lot.expires_at, lot.sequence)))


def use(lots: Lots, used_mc: int, *, first: str | None = None) -> Lots:
    """The lots, which are in order, after `used_mc` was taken out of the account.

    `first` is an entry whose credits are taken back: its own lot is used before the others.
    """
    left_mc = used_mc
    taken_mc: dict[str, int] = {}
    for lot in sorted(lots, key=lambda lot: lot.entry_id != first):
        taken_mc[lot.entry_id] = min(lot.remaining_mc, left_mc)
        left_mc -= taken_mc[lot.entry_id]
    return tuple(
        msgspec.structs.replace(lot, remaining_mc=lot.remaining_mc - taken_mc[lot.entry_id])
        for lot in lots
    )


def use_pool_first(lots: Lots, used_mc: int, balance_before_mc: int) -> Lots:
    """The lots after credits that never expire were taken back: lots are used if the pool lacks."""
    pool_mc = max(balance_before_mc - unused_mc(lots), 0)
    return use(lots, max(used_mc - pool_mc, 0))


def unused_mc(lots: Lots) -> int:
    """What is left in all lots together."""
    return sum(lot.remaining_mc for lot in lots)


def first_filling_mc(lots: Lots, amount_mc: int, balance_before_mc: int) -> int:
    """What a new lot of `amount_mc` begins with: a debt is paid first."""
    pool_mc = balance_before_mc - unused_mc(lots)
    return max(amount_mc + min(pool_mc, 0), 0)


def expire(lots: Lots, entry_id: str, taken_mc: int) -> tuple[Lots, int]:
    """The lots after one has expired, and what was unused of it: at most `taken_mc`."""
    lot = find(lots, entry_id)
    if lot is None:
        return lots, 0
    expired_mc = min(lot.remaining_mc, taken_mc)
    return use(lots, expired_mc, first=entry_id), expired_mc


def find(lots: Lots, entry_id: str) -> Lot | None:
    """The lot of an entry; None where nothing is left of it."""
    return next((lot for lot in lots if lot.entry_id == entry_id), None)


def expiry_account(lot: Lot) -> str:
    """The counter account of a lot's expiry: what was bought is earned, a gift is taken back."""
    return EXPIRED_REVENUE if lot.entry_type == "purchase" else PROMOTION


def purchase_expires_at(bought_at: datetime, after_days: int) -> datetime | None:
    """When purchased credits expire; None (`after_days` is 0): never."""
    return bought_at + timedelta(days=after_days) if after_days else None
