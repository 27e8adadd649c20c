"""What a handler of events is: takes down one event, in the transaction that keeps it."""

from collections.abc import Awaitable, Callable

from billing.stripe_objects import Event
from billing.takings import Accounts, Takings
from ledger.database import Connection

# Returns the accounts that Redis is to be told of. No call to Stripe may be made here: the event
# and the payment are locked. Raises BadObjectError where the object is not as Stripe documents it.
Handler = Callable[[Takings, Connection, Event], Awaitable[Accounts]]
