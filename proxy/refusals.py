"""402: what a client is told whose account, or key, does not carry a call."""

import msgspec

from console.errors import ApiError
from console.json import credits_number, timestamp
from ledger.errors import KeyLimitReachedError, NotEnoughCreditsError
from pricing.money import credits_text

_NO_RETRY = {"x-should-retry": "false"}


def out_of_credits(
    required_mc: int,
    error: NotEnoughCreditsError,
    *,
    affordable_tokens: int | None,
    top_up_url: str,
) -> ApiError:
    """The account has too little available for `required_mc`."""
    required, current = credits_number(required_mc), credits_number(error.available_mc)
    message = (
        f"This call needs up to {credits_text(required_mc)} credits; the account has "
        f"{credits_text(error.available_mc)}. Add credits at {top_up_url}"
    )
    return ApiError(
        402,
        "insufficient_credits",
        message,
        error_type="insufficient_credits",
        headers=_NO_RETRY,
        extra={
            "requiredCredits": required,
            "currentCredits": current,
            "heldCredits": credits_number(error.held_mc),
            "shortfallCredits": credits_number(required_mc - error.available_mc),
            "affordableMaxTokens": affordable_tokens,
            "topUpUrl": top_up_url,
        },
        beside=_beside(required, current),
    )


def key_limit_reached(required_mc: int, error: KeyLimitReachedError) -> ApiError:
    """The account may have credits, but its key has spent what it may in this month."""
    required, current = credits_number(required_mc), credits_number(error.available_mc)
    message = (
        f"This call needs up to {credits_text(required_mc)} credits; this API key may spend "
        f"{credits_text(error.limit_mc)} a month, and {credits_text(error.spent_mc)} of that are "
        f"spent or held by its calls. The limit begins anew on {error.resets_at:%Y-%m-%d} (UTC)."
    )
    return ApiError(
        402,
        "key_limit_exceeded",
        message,
        error_type="insufficient_credits",
        headers=_NO_RETRY,
        extra={
            "requiredCredits": required,
            "keyLimitCredits": credits_number(error.limit_mc),
            "keySpentCredits": credits_number(error.spent_mc),
            "resetsAt": timestamp(error.resets_at),
        },
        beside=_beside(required, current),
    )


def _beside(required: msgspec.Raw, current: msgspec.Raw) -> dict[str, msgspec.Raw]:
    # For clients that look outside of `error`.
    return {"requiredCredits": required, "currentCredits": current}
