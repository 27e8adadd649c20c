"""What a batch adds to the daily sums of usage: by account, day, key and model. Pure."""

import uuid
from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import NamedTuple

import msgspec

from ledger.decisions import Decision


class UsageDay(NamedTuple):
    """What is summed together: a day is one of UTC, and of the time of posting."""

    account_id: str
    day: date
    key_id: str
    model: str


class DaySum(msgspec.Struct):
    """Each request is one of `calls`; `charged_mc` is what was posted, `last_at` of the newest."""

    calls: int
    charged_mc: int
    last_at: datetime


UsageDays = dict[UsageDay, DaySum]


def add_to_day(days: UsageDays, decision: Decision, posted_at: datetime) -> None:
    """Counts a usage row that is about to be written.

    Raises:
        ValueError: the record's key is none.
    """
    record = decision.record
    # As Postgres reads it: two spellings of one id must not become two rows of one statement.
    key_id = str(uuid.UUID(record.key_id))
    day = UsageDay(record.account_id, posted_at.astimezone(UTC).date(), key_id, record.model)
    # An adjustment is of a request that has its row already.
    calls = 1 if decision.entry_type == "usage" else 0
    known = days.get(day)
    if known is None:
        days[day] = DaySum(calls, decision.posted_mc, record.created_at)
        return
    known.calls += calls
    known.charged_mc += decision.posted_mc
    known.last_at = max(known.last_at, record.created_at)


def day_columns(days: Mapping[UsageDay, DaySum]) -> tuple[list[object], ...]:
    """The rows by columns, always in the same order: no two writers wait for each other in it."""
    rows = [(*day, sums.calls, sums.charged_mc, sums.last_at) for day, sums in sorted(days.items())]
    return tuple(list(column) for column in zip(*rows, strict=True))
