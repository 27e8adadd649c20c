"""What a package gives for its price: paid credits and a bonus, exact, rounded once."""

import msgspec

from config.packages import Package
from pricing.money import MILLICREDITS

CENTS_PER_USD = 100
BASIS_POINTS = 10_000  # of 100 percent


class Offer(msgspec.Struct, frozen=True, kw_only=True):
    """What a customer gets, in millicredits. `is_rounded_up` where the total was rounded up to a
    rounder number than the price and the bonus make.
    """

    package: Package
    base_mc: int
    bonus_mc: int
    is_rounded_up: bool

    @property
    def total_mc(self) -> int:
        """All credits that it gives."""
        return self.base_mc + self.bonus_mc


def offer(package: Package, credits_per_usd: int) -> Offer:
    """What a package gives: whole credits.

    Base and total are rounded down to a whole credit; with a display rounding the total is rounded
    up to that step instead, and the customer keeps the extra as bonus.
    """
    exact = package.price_cents * credits_per_usd * (BASIS_POINTS + package.bonus_basis_points)
    divisor = CENTS_PER_USD * BASIS_POINTS
    step = package.display_rounding
    total = exact // divisor if step == 1 else -(-exact // (divisor * step)) * step
    base = package.price_cents * credits_per_usd // CENTS_PER_USD
    return Offer(
        package=package,
        base_mc=base * MILLICREDITS,
        bonus_mc=(total - base) * MILLICREDITS,
        is_rounded_up=total * divisor > exact,
    )
