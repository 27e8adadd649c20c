"""What a purchase must have in the ledger by what is known of its payment. Pure.

Facts come in any order, late and repeatedly; the amounts that are due follow from all of them
together, and what is posted is the difference to what was posted. So the end is always the same.
"""

import msgspec


class Sale(msgspec.Struct, frozen=True, kw_only=True):
    """What was sold: for `price_cents` the base, and a bonus on top.

    `charged_cents` is what was charged, None where nothing is known to be paid; `paid_cents` is
    what of it was for credits: less by taxes, or by a promotion code.
    """

    price_cents: int
    base_mc: int
    bonus_mc: int
    paid_cents: int | None = None
    charged_cents: int | None = None


class RefundFact(msgspec.Struct, frozen=True, kw_only=True):
    """A refund as Stripe has told of it; one that has failed stays failed."""

    amount_cents: int
    is_failed: bool


class DisputeFact(msgspec.Struct, frozen=True, kw_only=True):
    """What a dispute has taken in all, and what of it came back."""

    withdrawn_cents: int
    reinstated_cents: int


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """All that is known of a payment besides its being paid. `refunded_cents` is what its charges
    say; single refunds may be known before or after that.
    """

    refunded_cents: int = 0
    refunds: tuple[RefundFact, ...] = ()
    disputes: tuple[DisputeFact, ...] = ()


class Amounts(msgspec.Struct, frozen=True, kw_only=True):
    """Millicredits of a purchase, each not negative: given by the price and as a bonus, taken back
    of either by refunds, taken by disputes.
    """

    base_mc: int = 0
    bonus_mc: int = 0
    base_refund_mc: int = 0
    bonus_refund_mc: int = 0
    dispute_mc: int = 0

    @property
    def balance_mc(self) -> int:
        """What the customer has of it."""
        given_mc = self.base_mc + self.bonus_mc
        return given_mc - self.base_refund_mc - self.bonus_refund_mc - self.dispute_mc


def amounts_due(sale: Sale, facts: Facts) -> Amounts:
    """What the ledger must have of a purchase. Nothing, as long as it is not known to be paid.

    The price's part is what was paid for, the rest of the package is the bonus: a promotion code
    gives it away. Parts of the payment take parts of both, rounded down once in all; the whole
    payment takes exactly what was given, also where refunds have taken a part of it and disputes
    the rest. Together they take no more than that.
    """
    if sale.paid_cents is None or sale.charged_cents is None:
        return Amounts()
    paid_cents = min(sale.paid_cents, sale.price_cents)
    base_mc = sale.base_mc * paid_cents // sale.price_cents
    bonus_mc = sale.base_mc + sale.bonus_mc - base_mc
    charged_cents = sale.charged_cents
    refunded_cents = min(_refunded_cents(facts), charged_cents)
    base_refund_mc = _part(base_mc, refunded_cents, charged_cents)
    bonus_refund_mc = _part(bonus_mc, refunded_cents, charged_cents)
    disputed_cents = _disputed_cents(facts)
    taken_cents = min(refunded_cents + disputed_cents, charged_cents)
    taken_mc = _part(base_mc + bonus_mc, taken_cents, charged_cents)
    return Amounts(
        base_mc=base_mc,
        bonus_mc=bonus_mc,
        base_refund_mc=base_refund_mc,
        bonus_refund_mc=bonus_refund_mc,
        dispute_mc=taken_mc - base_refund_mc - bonus_refund_mc if disputed_cents else 0,
    )


def still_due(due: Amounts, posted: Amounts) -> dict[str, int]:
    """By how much each amount must change, where it must: by the names of `Amounts`.

    What was given once is never taken back otherwise than by a refund or a dispute.
    """
    changes = {
        name: getattr(due, name) - getattr(posted, name) for name in Amounts.__struct_fields__
    }
    return {name: change for name, change in changes.items() if change}


def _refunded_cents(facts: Facts) -> int:
    known_cents = sum(one.amount_cents for one in facts.refunds if not one.is_failed)
    failed_cents = sum(one.amount_cents for one in facts.refunds if one.is_failed)
    # The charge counts refunds that are not known by themselves yet, and those that have failed.
    return max(known_cents, facts.refunded_cents - failed_cents)


def _disputed_cents(facts: Facts) -> int:
    return sum(max(one.withdrawn_cents - one.reinstated_cents, 0) for one in facts.disputes)


def _part(amount_mc: int, cents: int, of_cents: int) -> int:
    return amount_mc * cents // of_cents if of_cents else 0
