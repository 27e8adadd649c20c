"""What may be posted: types of entries, which way each moves a balance, against what. Pure."""

from datetime import UTC, datetime
from typing import Literal, NamedTuple, get_args
from uuid import UUID

import msgspec

from ledger.chart import (
    ADJUSTMENTS,
    DISPUTES,
    EXPIRED_REVENUE,
    PAYMENTS,
    PROMOTION,
    STRIPE,
    USAGE_REVENUE,
)
from ledger.texts import LONGEST_DESCRIPTION, plain_text
from pricing.money import credits_text

EntryType = Literal[
    "grant", "purchase", "bonus", "usage", "refund", "dispute", "adjustment", "expiry"
]
ENTRY_TYPES: tuple[EntryType, ...] = get_args(EntryType)
LONGEST_IDEMPOTENCY_KEY = 200
LONGEST_REF = 200
LONGEST_URL = 2000


class IdempotencyConflictError(Exception):
    """This idempotency key was used for another entry of the account."""


class BadAmountError(ValueError):
    """An entry of this type cannot move this amount; `reason` ends the sentence."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"the amount {reason}")
        self.reason = reason


class BadPostingError(ValueError):
    """A posting has something that it may not have; `field` is its name in Python."""

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(f"{field} {reason}")
        self.field = field
        self.reason = reason


class Posting(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody asks to be posted; `actor` says who, for the auditors.

    `amount_mc` is what the balance changes by: refunds and expiries take, so theirs is negative.
    `corrects` is the id of the entry that this one corrects. `counter_account` must be given where
    the type leaves it open (a purchase: by which way it was paid; usage: of which model).
    """

    account_id: str
    entry_type: EntryType
    amount_mc: int
    description: str
    actor: str
    idempotency_key: str | None = None
    counter_account: str | None = None
    corrects: str | None = None
    expires_at: datetime | None = None
    ref: str | None = None
    receipt_url: str | None = None


class Corrected(msgspec.Struct, frozen=True, kw_only=True):
    """An entry that is to be corrected; amounts in millicredits.

    `corrected_mc` is the sum of its corrections so far, `expired_mc` what of it has expired.
    """

    entry_type: EntryType
    amount_mc: int
    counter_account: str
    corrected_mc: int
    expired_mc: int
    expires_at: datetime | None = None

    @property
    def is_of_the_pool(self) -> bool:
        """Whether it gave credits that never expire."""
        return self.amount_mc > 0 and self.expires_at is None


class _Rule(NamedTuple):
    """Which way a type moves a balance, against what, and which types it may correct."""

    moves: Literal["gives", "takes", "gives or takes"]
    counter_account: str | None
    corrects: tuple[EntryType, ...] = ()
    may_expire: bool = False
    needs_key: bool = False


_RULES: dict[EntryType, _Rule] = {
    "grant": _Rule("gives", PROMOTION, may_expire=True, needs_key=True),
    "purchase": _Rule("gives", None, may_expire=True),
    "bonus": _Rule("gives", PROMOTION, may_expire=True),
    "usage": _Rule("takes", None),
    "refund": _Rule("takes", PAYMENTS, corrects=("purchase", "bonus"), needs_key=True),
    "dispute": _Rule("gives or takes", DISPUTES, corrects=("purchase",)),
    "adjustment": _Rule("gives or takes", ADJUSTMENTS, corrects=ENTRY_TYPES, needs_key=True),
    "expiry": _Rule("takes", PROMOTION),
}
# Types whose corrections are on the other side of what they correct.
_FOLLOWS_ITS_CORRECTED = ("refund", "adjustment")
_PAID_BY = (STRIPE, PAYMENTS)
# Beyond any date that is meant; the last moment of a datetime is infinity to the database's driver.
_NEVER = datetime(9999, 1, 1, tzinfo=UTC)


def checked(posting: Posting) -> Posting:
    """The posting with its texts made plain.

    Raises:
        BadAmountError, BadTextError, BadPostingError: it cannot be posted.
    """
    rule = _RULES[posting.entry_type]
    _check_amount(posting, rule)
    if posting.corrects is not None and not rule.corrects:
        raise BadPostingError("corrects", f"cannot be given: a {posting.entry_type} corrects none")
    _check_expires_at(posting, rule)
    _check_counter_account(posting, rule)
    if posting.idempotency_key is None and rule.needs_key:
        raise BadPostingError("idempotency_key", f"is required for a {posting.entry_type}")
    return msgspec.structs.replace(
        posting,
        description=plain_text(posting.description, "description", LONGEST_DESCRIPTION),
        idempotency_key=_optional(
            posting.idempotency_key, "idempotency_key", LONGEST_IDEMPOTENCY_KEY
        ),
        ref=_optional(posting.ref, "ref", LONGEST_REF),
        receipt_url=_optional(posting.receipt_url, "receipt_url", LONGEST_URL),
        corrects=None if posting.corrects is None else _entry_id(posting.corrects),
    )


def counter_account(posting: Posting, corrected: Corrected | None) -> str:
    """The account on the other side of a checked posting."""
    if posting.counter_account is not None:
        return posting.counter_account
    if corrected is not None and posting.entry_type in _FOLLOWS_ITS_CORRECTED:
        return corrected.counter_account
    account = _RULES[posting.entry_type].counter_account
    if account is None:  # `checked` lets none of these through
        raise BadPostingError("counter_account", f"is required for a {posting.entry_type}")
    return account


def check_correction(posting: Posting, corrected: Corrected) -> None:
    """Corrections may bring an entry to nothing, or make it as much again, and no more.

    Raises:
        BadPostingError: entries of this type are not corrected this way.
        BadAmountError: it is more than what is left to be corrected.
    """
    if corrected.entry_type not in _RULES[posting.entry_type].corrects:
        raise BadPostingError(
            "corrects",
            f"must name {_names(posting.entry_type)}: entry {posting.corrects} is of type "
            f"{corrected.entry_type}, which an adjustment can correct",
        )
    if (posting.amount_mc > 0) == (corrected.amount_mc > 0):
        left_mc = abs(corrected.amount_mc) - _along(corrected, corrected.corrected_mc)
        what = "add to"
    else:
        moved_mc = corrected.corrected_mc - corrected.expired_mc
        left_mc = abs(corrected.amount_mc) + _along(corrected, moved_mc)
        what = "take back of"
    if abs(posting.amount_mc) > left_mc:
        raise BadAmountError(
            f"must be at most {credits_text(max(left_mc, 0))} credits in size: that is left to "
            f"{what} entry {posting.corrects}, which moved {credits_text(corrected.amount_mc)}"
        )


def _names(entry_type: EntryType) -> str:
    return " or ".join(f"a {name}" for name in _RULES[entry_type].corrects)


def _along(corrected: Corrected, amount_mc: int) -> int:
    """An amount, positive where it goes the same way as the entry."""
    return amount_mc if corrected.amount_mc > 0 else -amount_mc


def _check_amount(posting: Posting, rule: _Rule) -> None:
    if posting.amount_mc == 0:
        raise BadAmountError("must not be zero")
    if posting.amount_mc < 0 and rule.moves == "gives":
        raise BadAmountError(f"must be more than zero: a {posting.entry_type} gives credits")
    if posting.amount_mc > 0 and rule.moves == "takes":
        raise BadAmountError(f"must be less than zero: a {posting.entry_type} takes credits")


def _check_expires_at(posting: Posting, rule: _Rule) -> None:
    if posting.expires_at is None:
        return
    if not rule.may_expire:
        reason = f"cannot be given: what a {posting.entry_type} moves does not expire"
        raise BadPostingError("expires_at", reason)
    if posting.expires_at.utcoffset() is None:
        raise BadPostingError("expires_at", "must have an offset from UTC")
    if posting.expires_at >= _NEVER:
        reason = f"must be before {_NEVER:%Y-%m-%d}: leave it out for credits that never expire"
        raise BadPostingError("expires_at", reason)


def _check_counter_account(posting: Posting, rule: _Rule) -> None:
    given = posting.counter_account
    if given is None:
        if rule.counter_account is None:
            raise BadPostingError("counter_account", f"is required for a {posting.entry_type}")
        return
    allowed = {
        "purchase": _PAID_BY,
        "refund": (*_PAID_BY, PROMOTION),
        "expiry": (PROMOTION, EXPIRED_REVENUE),
    }.get(posting.entry_type, (rule.counter_account,))
    is_usage = posting.entry_type == "usage" and given.startswith(f"{USAGE_REVENUE}:")
    if given not in allowed and not is_usage:
        names = " or ".join(name for name in allowed if name) or f"{USAGE_REVENUE}:<model>"
        raise BadPostingError("counter_account", f"of a {posting.entry_type} must be {names}")


def _entry_id(text: str) -> str:
    try:
        return str(UUID(text))
    except ValueError:
        raise BadPostingError("corrects", f"must be the id of an entry: {text!r} is none") from None


def _optional(text: str | None, field: str, longest: int) -> str | None:
    return None if text is None else plain_text(text, field, longest)
