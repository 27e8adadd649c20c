"""What Stripe answered to an automatic recharge, in words for people. Pure."""

from typing import Literal

import msgspec

from billing.errors import StripeRefusedError
from billing.stripe_objects import PaymentIntent

CONFIRM = (
    "Your bank asks you to confirm this payment yourself. Add credits by hand, or save a card "
    "that may be charged without you."
)
DECLINED = "Your card was declined."
TEST_MODE = "test_mode"
TEST_IS_OVER = (
    "The last automatic recharge was begun with test payments, which are over: nothing was "
    "charged. Save a card again to go on."
)
MAY_BE_PAID = (
    "What became of the last automatic recharge cannot be looked up now. It may still be paid, so "
    "no other one is begun."
)
GIVEN_UP = (
    "What became of the last automatic recharge could not be looked up for a week. If it was paid "
    "after all, its credits are added. Turn automatic recharge on again to go on."
)
# A payment by card takes seconds, and where banks tell their customers before, two or three days.
LONGEST_PROCESSING_S = 7 * 86_400.0
NOT_USABLE = "The saved card cannot be charged any more. Save one again."
_MESSAGES = {
    "authentication_required": CONFIRM,
    "authentication_not_handled": CONFIRM,
    "card_declined": DECLINED,
    "card_not_supported": "Your card cannot be used for this kind of payment.",
    "expired_card": "Your card has expired.",
    "incorrect_cvc": "Your card's security code is wrong.",
    "insufficient_funds": "Your card has not enough funds.",
    "processing_error": "Your card could not be charged.",
    "payment_method_unactivated": NOT_USABLE,
    "payment_method_unexpected_state": NOT_USABLE,
    "resource_missing": NOT_USABLE,
}


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """How it went; `message` says to people why it was not paid, `code` says it to us. Of one that
    is `unknown` it says why nothing is done.
    """

    kind: Literal["paid", "processing", "failed", "unknown"]
    intent: PaymentIntent | None = None
    intent_id: str | None = None
    code: str = ""
    message: str = ""


def outcome_of(intent: PaymentIntent) -> Outcome:
    """What a payment says. One that waits for a person has failed: nobody is there."""
    match intent.status:
        case "succeeded":
            return Outcome(kind="paid", intent=intent, intent_id=intent.id)
        case "processing":
            return Outcome(kind="processing", intent=intent, intent_id=intent.id)
        case "requires_action" | "requires_confirmation":
            return _failed("authentication_required", intent.id)
        case _:
            return _failed(code_of(intent), intent.id)


def outcome_of_refusal(error: StripeRefusedError) -> Outcome | None:
    """What a refusal says of the card; None where it says nothing of it, but of the operator."""
    is_of_the_card = error.payment_intent_id is not None or error.decline_code is not None
    if not is_of_the_card and error.code not in _MESSAGES:
        return None
    # The bank's reason says more than "declined", and less than what only people can do.
    is_to_be_confirmed = error.code == "authentication_required"
    code = error.code if is_to_be_confirmed else error.decline_code or error.code
    return _failed(code or "", error.payment_intent_id)


def outcome_unseen(*, was_live: bool | None, age_s: float) -> Outcome:
    """Of a payment that Stripe does not show us: it is of the other mode than our key, or of
    another account. A test payment costs nobody anything and is over. Any other could still be
    paid: until it cannot be under way any more it stands in the way of the next.
    """
    if was_live is False:
        return Outcome(kind="failed", code=TEST_MODE, message=TEST_IS_OVER)
    if age_s > LONGEST_PROCESSING_S:
        return Outcome(kind="failed", code="given_up", message=GIVEN_UP)
    return Outcome(kind="unknown", code="not_found", message=MAY_BE_PAID)


def code_of(intent: PaymentIntent) -> str:
    """Why the last attempt at a payment failed, by Stripe's code."""
    error = intent.last_payment_error
    if error is None:
        return ""
    if error.code == "authentication_required":
        return error.code
    return error.decline_code or error.code or ""


def message_for(code: str) -> str:
    """What people are told of Stripe's code."""
    return _MESSAGES.get(code, DECLINED)


def _failed(code: str, intent_id: str | None) -> Outcome:
    return Outcome(
        kind="failed",
        intent_id=intent_id,
        code=code or "card_declined",
        message=message_for(code),
    )
