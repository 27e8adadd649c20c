"""What can go wrong between a call and its credits."""

from datetime import datetime


class RedisUnavailableError(Exception):
    """Redis does not answer, or cannot take writes.

    `was_sent` says whether what was asked may have happened all the same.
    """

    def __init__(self, reason: str, *, was_sent: bool = True) -> None:
        super().__init__(reason)
        self.was_sent = was_sent


class BacklogFullError(Exception):
    """The writer is too far behind: no new calls until it has caught up."""


class KeyRevokedError(Exception):
    """The key is not good any more."""


class AccountSuspendedError(Exception):
    """The account's calls are refused for now: a payment of it is in dispute."""


class AccountUnknownError(Exception):
    """Postgres knows no such account."""


class ReservationClosedError(Exception):
    """A release overtook its own reserve: the request cannot be held any more."""


class NotEnoughCreditsError(Exception):
    """What is available does not carry the call."""

    def __init__(self, available_mc: int, held_mc: int) -> None:
        super().__init__(f"{available_mc} mc available, {held_mc} mc held")
        self.available_mc = available_mc
        self.held_mc = held_mc


class KeyLimitReachedError(Exception):
    """What is left of the key's monthly limit does not carry the call.

    `spent_mc` is what its calls of the month hold and were charged; the limit begins anew at
    `resets_at`. The account itself has `available_mc`.
    """

    def __init__(
        self, limit_mc: int, spent_mc: int, *, resets_at: datetime, available_mc: int
    ) -> None:
        super().__init__(f"{spent_mc} mc of {limit_mc} mc spent")
        self.limit_mc = limit_mc
        self.spent_mc = spent_mc
        self.resets_at = resets_at
        self.available_mc = available_mc


class SettlementUnavailableError(Exception):
    """Redis has not confirmed a settlement in time. The charge stands; it is tried again."""
