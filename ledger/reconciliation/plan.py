"""When to reconcile next, and how much of it. Pure.

Balances, Redis and rejected records are always looked at. What is of a time is looked at since the
last good run, and all of it once a day: damage to old entries is found then, or by command. Once a
full run has found something, all are full until one is good, so that it stays named.
"""

from datetime import datetime, timedelta

from ledger.reconciliation.difference import Scope
from ledger.reconciliation.report import LastResults

FULL_EVERY = timedelta(days=1)
# What was posted by then was committed long before the run.
MARGIN = timedelta(minutes=10)
# However large the books, this is the least part of the time without a run.
_REST_OF_DURATIONS = 4


def next_scope(last: LastResults, now: datetime, every_s: float) -> Scope | None:
    """What to look at now; None where it is not time."""
    if last.newest is None or last.full is None:
        return Scope()
    duration = timedelta(milliseconds=last.newest.duration_ms)
    pause = max(timedelta(seconds=every_s), duration * (1 + _REST_OF_DURATIONS))
    if now < last.newest.checked_at + pause:
        return None
    if last.good is None or not last.full.is_ok or now >= last.full.checked_at + FULL_EVERY:
        return Scope()
    return Scope(start=last.good.checked_at - MARGIN)
