"""The rate table in force, as of any moment."""

import os
import time
from collections import deque
from collections.abc import Callable
from datetime import UTC, datetime
from math import inf

import structlog

from config.moments import moment_text
from config.rates import RateTable
from ledger.rate_versions import ApplicationReason, RateApplication
from proxy.rates.accepted import AcceptedRates

# More switches than this in a row, with Postgres away, and the oldest are forgotten.
MOST_UNRECORDED = 10_000

_log = structlog.get_logger(__name__)


class CurrentRates:
    """Holds the table that new calls are quoted by; a call keeps the one it was quoted by.

    `switches` are the changes of which Postgres has not heard yet, the oldest first.
    """

    def __init__(self, accepted: AcceptedRates, clock: Callable[[], float] = time.time) -> None:
        self.switches: deque[RateApplication] = deque(maxlen=MOST_UNRECORDED)
        self._clock = clock
        self._put_in_force(accepted)

    def current(self) -> RateTable:
        """The table as of now; what is scheduled comes into force here."""
        if self._clock() >= self._until_s:
            self._keep_the_schedule()
        return self._table

    def take(self, accepted: AcceptedRates) -> None:
        """Switch to other rates."""
        self._put_in_force(accepted)
        self.announce()

    def announce(self) -> None:
        """Log what is in force, and why; to be called once at the start, where logs are ready."""
        switch = self._last_switch
        _log.info(
            "rates_in_force",
            version=switch.version,
            reason=switch.reason,
            source=switch.source,
            models=len(switch.models),
            pid=os.getpid(),
            next_change=None if self._until_s == inf else moment_text(int(self._until_s)),
        )

    def _put_in_force(self, accepted: AcceptedRates) -> None:
        self._accepted = accepted
        self._switch(int(self._clock()), accepted.accepted_at, accepted.reason)

    def _keep_the_schedule(self) -> None:
        while self._clock() >= self._until_s:
            due_s = int(self._until_s)
            self._switch(due_s, datetime.fromtimestamp(due_s, UTC), "schedule")
            self.announce()

    def _switch(self, moment_s: int, applied_at: datetime, reason: ApplicationReason) -> None:
        accepted = self._accepted
        self._table = table = accepted.book.table_at(moment_s)
        next_s = accepted.book.next_change_s(moment_s)
        self._until_s = inf if next_s is None else next_s
        self._last_switch = RateApplication(
            version=table.version,
            models=table.models,
            applied_at=applied_at,
            in_force_from=datetime.fromtimestamp(table.updated_at_s, UTC),
            reason=reason,
            host=accepted.host,
            source=accepted.source,
            file_owner=accepted.file_owner,
        )
        self.switches.append(self._last_switch)
