"""What is done with each type of Stripe's events; a type that is not here is only kept.

Several handlers may listen to one type. A new family of events is a file here, and a line below.
"""

from collections.abc import Mapping, Sequence

from billing.handlers import charges, checkout_sessions, disputes, payment_intents, refunds, setup
from billing.handlers.handler import Handler

_FAMILIES: tuple[Mapping[str, Handler], ...] = (
    checkout_sessions.HANDLERS,
    payment_intents.HANDLERS,
    charges.HANDLERS,
    refunds.HANDLERS,
    disputes.HANDLERS,
    setup.HANDLERS,
)

HANDLERS: Mapping[str, Sequence[Handler]] = {
    event_type: [family[event_type] for family in _FAMILIES if event_type in family]
    for event_type in sorted({name for family in _FAMILIES for name in family})
}
