"""Each status that Stripe gives a dispute is known here for what it is."""

from typing import get_args

import stripe

from billing.payments import OPEN, OVER

INQUIRIES = ("warning_needs_response", "warning_under_review", "warning_closed")
NOT_GIVEN_ANY_MORE = {"charge_refunded"}


def test_each_status_that_the_library_declares_is_open_or_over_or_an_inquirys() -> None:
    """Disputes: one that nobody has judged must not end a suspension by a new name."""
    known, _others = get_args(stripe.Dispute.__annotations__["status"])
    ours = [*OPEN, *OVER, *INQUIRIES]
    assert len(set(ours)) == len(ours)
    assert set(ours) - NOT_GIVEN_ANY_MORE == set(get_args(known))
