"""What is turned at /pretend/… while the pretend Stripe runs. A restart turns all back."""

import random
from typing import Literal

import msgspec

from deploy.local.pretend_stripe.objects.cards import DECLINED, GOOD, NEEDS_AUTHENTICATION, Card

ALL_TYPES = "*"
_CARDS = {
    "succeeds": GOOD,
    "declines": DECLINED,
    "needs_authentication": NEEDS_AUTHENTICATION,
}

Order = Literal["as_happened", "newest_first", "random"]


class _Knobs(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Field names are those of the JSON."""


class WebhookKnobs(_Knobs):
    """How events are delivered from now on."""

    delay_s: float = 0
    copies: int = 1
    drop: list[str] = []
    order: Order = "as_happened"

    def drops(self, event_type: str) -> bool:
        """Whether such an event is not delivered."""
        return ALL_TYPES in self.drop or event_type in self.drop


class OffSessionKnobs(_Knobs):
    """What becomes of payments without the customer: what the card says, or always the same."""

    outcome: Literal["by_card", "succeeds", "declines", "needs_authentication"] = "by_card"
    customer: str | None = None


class ApiKnobs(_Knobs):
    """How the API itself fails: before it does something, or after (the answer is lost)."""

    fail_next: int = 0
    status: int = 503
    lose_next: int = 0
    delay_s: float = 0


class PageKnobs(_Knobs):
    """What the hosted page adds: tax (where a session asks for it), and how long a bank takes."""

    tax_percent: int = 0
    bank_delay_s: float = 5


class Knobs:
    """All knobs."""

    def __init__(self) -> None:
        self.webhooks = WebhookKnobs()
        self.off_session = OffSessionKnobs()
        self.api = ApiKnobs()
        self.page = PageKnobs()

    def card_for(self, customer: str | None) -> Card | None:
        """The card that an off-session payment is made with; None leaves it to the card itself."""
        if self.off_session.customer not in (None, customer):
            return None
        return _CARDS.get(self.off_session.outcome)


def ordered(items: list[str], order: Order) -> list[str]:
    """The same items, in that order."""
    if order == "newest_first":
        return items[::-1]
    return random.sample(items, len(items)) if order == "random" else list(items)
