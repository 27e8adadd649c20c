"""What customers may set for their credits: what they wish, and what comes of it. Pure."""

from collections.abc import Mapping
from typing import Literal, TypeVar

import msgspec
from msgspec import UNSET, UnsetType

from config.packages import Package
from ledger.texts import email_address
from pricing.money import LARGEST_MC, MILLICREDITS

T = TypeVar("T")
RechargeState = Literal["off", "active", "paused"]
HIGHEST_LIMIT_CENTS = 100_000_000
NO_CARD = "No card is saved yet. Save one, and automatic recharge starts."


class BadSettingError(ValueError):
    """A setting cannot be taken; `field` is its name in JSON, `reason` ends the sentence."""

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(f"{field} {reason}")
        self.field = field
        self.reason = reason


class RechargeWish(msgspec.Struct, frozen=True, kw_only=True):
    """What a customer wishes of automatic recharge; what is unset stays as it is."""

    enabled: bool | UnsetType = UNSET
    below_mc: int | UnsetType | None = UNSET
    package_id: str | UnsetType | None = UNSET
    monthly_limit_cents: int | UnsetType | None = UNSET


class SettingsWish(msgspec.Struct, frozen=True, kw_only=True):
    """What a customer wishes; what is unset stays, None goes back to the operator's default."""

    low_balance_mc: int | UnsetType | None = UNSET
    email: str | UnsetType | None = UNSET
    recharge: RechargeWish = RechargeWish()


class Recharge(msgspec.Struct, frozen=True, kw_only=True):
    """Automatic recharge of an account. `reason` says to people why it does not charge now, and
    `action_url` is where they can do something about it.
    """

    state: RechargeState = "off"
    below_mc: int | None = None
    package_id: str | None = None
    monthly_limit_cents: int | None = None
    reason: str | None = None
    action_url: str | None = None


class CustomerSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What is set for an account. `low_balance_mc` and `email` are None where it has none of its
    own; the card is the one that is saved at Stripe.
    """

    account_id: str
    account_name: str = ""
    account_email: str | None = None
    low_balance_mc: int | None = None
    email: str | None = None
    customer_id: str | None = None
    payment_method_id: str | None = None
    card_brand: str | None = None
    card_last4: str | None = None
    recharge: Recharge = Recharge()

    @property
    def has_card(self) -> bool:
        """Whether a way to pay is saved."""
        return self.payment_method_id is not None


def after(
    current: CustomerSettings,
    wish: SettingsWish,
    packages: Mapping[str, Package],
    top_up_url: str,
) -> CustomerSettings:
    """The settings as wished.

    Raises:
        BadSettingError, BadTextError: names the field, and says what would be right.
    """
    low_balance_mc = _chosen(wish.low_balance_mc, current.low_balance_mc)
    _check_amount("lowBalanceThresholdCredits", low_balance_mc)
    email = _chosen(wish.email, current.email)
    return msgspec.structs.replace(
        current,
        low_balance_mc=low_balance_mc,
        email=None if email is None else email_address(email),
        recharge=_recharge_after(current, wish.recharge, packages, top_up_url),
    )


def _recharge_after(
    current: CustomerSettings,
    wish: RechargeWish,
    packages: Mapping[str, Package],
    top_up_url: str,
) -> Recharge:
    if wish == RechargeWish():
        return current.recharge
    was = current.recharge
    wished = Recharge(
        below_mc=_chosen(wish.below_mc, was.below_mc),
        package_id=_chosen(wish.package_id, was.package_id),
        monthly_limit_cents=_chosen(wish.monthly_limit_cents, was.monthly_limit_cents),
    )
    _check_amount("autoRecharge.thresholdCredits", wished.below_mc)
    enabled = was.state != "off" if wish.enabled is UNSET else wish.enabled
    is_chosen = not (wish.package_id is UNSET and wish.monthly_limit_cents is UNSET)
    if enabled or is_chosen:
        # What was chosen before may not be for sale any more, or dearer: no reason not to stop.
        _check_limit(wished, packages)
    if not enabled:
        return wished
    _check_complete(wished)
    if not current.has_card:
        return msgspec.structs.replace(
            wished, state="paused", reason=NO_CARD, action_url=top_up_url
        )
    if wish.enabled is UNSET and was.state == "paused":
        # Only who says so begins again after a card was declined.
        return msgspec.structs.replace(
            wished, state="paused", reason=was.reason, action_url=was.action_url
        )
    return msgspec.structs.replace(wished, state="active")


def _check_amount(field: str, amount_mc: int | None) -> None:
    if amount_mc is not None and not 0 <= amount_mc <= LARGEST_MC:
        raise BadSettingError(field, f"must be from 0 to {LARGEST_MC // MILLICREDITS} credits")


def _check_limit(wished: Recharge, packages: Mapping[str, Package]) -> None:
    package = None
    if wished.package_id is not None:
        package = packages.get(wished.package_id)
        if package is None:
            known = ", ".join(packages)
            raise BadSettingError("autoRecharge.packageId", f"must be one of: {known}")
    limit_cents = wished.monthly_limit_cents
    if limit_cents is None:
        return
    lowest_cents = 1 if package is None else package.price_cents
    if not lowest_cents <= limit_cents <= HIGHEST_LIMIT_CENTS:
        least, most = usd_of_cents(lowest_cents), usd_of_cents(HIGHEST_LIMIT_CENTS)
        what = "" if package is None else f", the price of {package.label},"
        raise BadSettingError(
            "autoRecharge.monthlyLimitUsd", f"must be from {least}{what} to {most}"
        )


def _check_complete(wished: Recharge) -> None:
    for field, value in (
        ("thresholdCredits", wished.below_mc),
        ("packageId", wished.package_id),
        ("monthlyLimitUsd", wished.monthly_limit_cents),
    ):
        if value is None:
            raise BadSettingError(
                f"autoRecharge.{field}", "is required where automatic recharge is enabled"
            )


def usd_of_cents(cents: int) -> str:
    """US dollars as people write them: `49.99`."""
    dollars, rest = divmod(cents, 100)
    return f"{dollars}.{rest:02d}"


def _chosen(wished: T | UnsetType, current: T) -> T:
    return current if isinstance(wished, UnsetType) else wished
