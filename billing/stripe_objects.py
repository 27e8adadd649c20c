"""Stripe's objects as far as we read them, out of events and of answers: the same shapes.

Amounts are whole US cents where `currency` is usd. What may be an id or the expanded object is
either. Fields that Stripe may leave out have defaults.
"""

from datetime import UTC, datetime
from typing import Annotated, Any, TypeVar

import msgspec

PURCHASE_ID = "tollgate_purchase_id"
ACCOUNT_ID = "tollgate_account_id"
CURRENCY = "usd"
# What an event is that has its object in it.
SNAPSHOT = "event"

Name = Annotated[str, msgspec.Meta(min_length=1, max_length=255)]
Seconds = Annotated[int, msgspec.Meta(ge=0, lt=2**36)]
Moment = Annotated[datetime, msgspec.Meta(tz=True)]

T = TypeVar("T", bound=msgspec.Struct)


class BadObjectError(ValueError):
    """An object has not the shape that Stripe documents."""


class Expanded(msgspec.Struct, frozen=True):
    """An object that stands where its id could."""

    id: str


Reference = str | Expanded | None


class CardDetails(msgspec.Struct, frozen=True, kw_only=True):
    """A card as far as it may be shown."""

    brand: str | None = None
    last4: str | None = None


class PaymentMethod(msgspec.Struct, frozen=True, kw_only=True):
    """A way to pay that a customer has saved."""

    id: str
    type: str = "card"
    customer: Reference = None
    card: CardDetails | None = None
    created: int = 0


class Customer(msgspec.Struct, frozen=True, kw_only=True):
    """Whom Stripe knows an account as."""

    id: str


class TotalDetails(msgspec.Struct, frozen=True, kw_only=True):
    """What makes a session's total differ from its price."""

    amount_discount: int = 0
    amount_tax: int = 0


class CheckoutSession(msgspec.Struct, frozen=True, kw_only=True):
    """A visit to the checkout page; the total is what is charged, tax included."""

    id: str
    mode: str = "payment"
    status: str | None = None
    payment_status: str = "unpaid"
    url: str | None = None
    currency: str | None = None
    amount_subtotal: int | None = None
    amount_total: int | None = None
    total_details: TotalDetails | None = None
    customer: Reference = None
    payment_intent: Reference = None
    setup_intent: Reference = None
    created: int = 0
    metadata: dict[str, str] | None = None

    @property
    def purchase_id(self) -> str | None:
        """The purchase that it says it sells. Its `client_reference_id` says nothing: whoever opens
        a payment link of the operator's writes there what they like.
        """
        return claim_of(self.metadata)

    @property
    def payment_intent_id(self) -> str | None:
        """The payment that it leads to, once there is one."""
        return id_of(self.payment_intent)


class RefundList(msgspec.Struct, frozen=True, kw_only=True):
    """The refunds that an expanded charge brings along."""

    data: "list[Refund]" = []


class Charge(msgspec.Struct, frozen=True, kw_only=True):
    """An attempt at a payment, and what of it was paid back."""

    id: str
    currency: str = CURRENCY
    payment_intent: Reference = None
    amount_refunded: int = 0
    receipt_url: str | None = None
    refunds: RefundList | None = None
    metadata: dict[str, str] | None = None

    @property
    def payment_intent_id(self) -> str | None:
        """The payment that it is an attempt at."""
        return id_of(self.payment_intent)


class Refund(msgspec.Struct, frozen=True, kw_only=True):
    """An amount that was paid back, or was meant to be."""

    id: str
    amount: int
    currency: str = CURRENCY
    status: str | None = None
    charge: Reference = None
    payment_intent: Reference = None

    @property
    def payment_intent_id(self) -> str | None:
        """The payment that it is of."""
        return id_of(self.payment_intent)

    @property
    def is_failed(self) -> bool:
        """Whether the customer does not get it: the money is back with the operator."""
        return self.status in ("failed", "canceled")


class BalanceTransaction(msgspec.Struct, frozen=True, kw_only=True):
    """A movement of the operator's balance, in that balance's currency."""

    amount: int = 0
    currency: str = CURRENCY


class Dispute(msgspec.Struct, frozen=True, kw_only=True):
    """A payment that the customer's bank questions."""

    id: str
    amount: int
    status: str
    currency: str = CURRENCY
    charge: Reference = None
    payment_intent: Reference = None
    balance_transactions: list[BalanceTransaction] | None = None

    @property
    def payment_intent_id(self) -> str | None:
        """The payment that it is about."""
        return id_of(self.payment_intent)


class PaymentError(msgspec.Struct, frozen=True, kw_only=True):
    """Why the last attempt at a payment failed."""

    code: str | None = None
    decline_code: str | None = None
    message: str | None = None


class PaymentIntent(msgspec.Struct, frozen=True, kw_only=True):
    """A payment, from the wish to the money."""

    id: str
    status: str
    amount: int = 0
    amount_received: int = 0
    currency: str = CURRENCY
    customer: Reference = None
    payment_method: Reference = None
    latest_charge: str | Charge | None = None
    last_payment_error: PaymentError | None = None
    created: int = 0
    metadata: dict[str, str] | None = None


class SetupIntent(msgspec.Struct, frozen=True, kw_only=True):
    """A wish to save a card."""

    id: str
    status: str
    customer: Reference = None
    payment_method: str | PaymentMethod | None = None
    metadata: dict[str, str] | None = None


class EventData(msgspec.Struct, frozen=True):
    """What an event is about."""

    object: dict[str, Any]


class AnyEvent(msgspec.Struct, frozen=True, kw_only=True):
    """What every event says of itself, whatever it is about; also a thin one, which has only that
    and comes from Stripe's v2 (`"object": "v2.core.event"`, with its time as text).
    """

    id: Name
    type: Name
    object: Name = SNAPSHOT
    created: Seconds | Moment | None = None
    livemode: bool | None = None
    # Set where it has happened to somebody else: a connected account, and its own money.
    account: str | None = None
    # What thin events have in its place. In others it is only how to ask for more: ours, too.
    context: str | None = None

    @property
    def created_at(self) -> datetime:
        """When it happened; now, where it does not say."""
        if self.created is None:
            return datetime.now(UTC)
        if isinstance(self.created, datetime):
            return self.created
        return datetime.fromtimestamp(self.created, UTC)

    @property
    def whose(self) -> str | None:
        """The connected account that it has happened to, None where it is the operator's own."""
        return self.account if self.object == SNAPSHOT else self.account or self.context


class Event(AnyEvent, frozen=True, kw_only=True):
    """Something that has happened at Stripe, with the object as it was then."""

    data: EventData


def claim_of(metadata: dict[str, str] | None) -> str | None:
    """The purchase that an object says it is of, where only we write."""
    return (metadata or {}).get(PURCHASE_ID)


def id_of(reference: str | msgspec.Struct | None) -> str | None:
    """The id of what is an id or an object, None of nothing."""
    if isinstance(reference, msgspec.Struct):
        found = getattr(reference, "id", None)
        return found if isinstance(found, str) else None
    return reference or None


def read_object(values: object, shape: type[T]) -> T:
    """An object of Stripe's out of its JSON.

    Raises:
        BadObjectError: names the field that is not as documented.
    """
    try:
        return msgspec.convert(values, shape)
    except msgspec.ValidationError as error:
        raise BadObjectError(f"{shape.__name__}: {error}") from None
