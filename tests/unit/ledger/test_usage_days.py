"""What a batch adds to daily sums."""

from datetime import UTC, date, datetime, timedelta

import pytest

from ledger.decisions import Decision, decide
from ledger.ids import new_id
from ledger.usage_days import UsageDay, UsageDays, add_to_day, day_columns
from tests.support.records import orphan_record, truth_of

ADA, KEY = new_id(), new_id()
MIDNIGHT = datetime(2026, 3, 1, tzinfo=UTC)
TICK = timedelta(microseconds=1)


def decision(charge_mc: int, **changes: object) -> Decision:
    orphan = orphan_record(ADA, 20, **{"key_id": KEY, **changes})
    decided = decide({}, truth_of(orphan, charge_mc), taken_mc=charge_mc, held_mc=50)
    assert decided is not None
    return decided


def test_a_day_begins_at_midnight_utc_wherever_it_is_said() -> None:
    """A period of money is by the time of posting; the same instant is the same day."""
    east = (MIDNIGHT - TICK).astimezone(None)
    days: UsageDays = {}
    for at in (MIDNIGHT - TICK, east, MIDNIGHT):
        add_to_day(days, decision(3), at)
    model = "gpt-4o-mini"
    assert {day: (sums.calls, sums.charged_mc) for day, sums in days.items()} == {
        UsageDay(ADA, date(2026, 2, 28), KEY, model): (2, 6),
        UsageDay(ADA, date(2026, 3, 1), KEY, model): (1, 3),
    }


def test_two_spellings_of_a_key_are_one_row() -> None:
    """A statement may not change a row twice: the writer would stand still for ever."""
    days: UsageDays = {}
    add_to_day(days, decision(3), MIDNIGHT)
    add_to_day(days, decision(4, key_id=KEY.upper()), MIDNIGHT)
    assert [sums.charged_mc for sums in days.values()] == [7]


def test_what_is_no_key_is_a_fault_of_its_record() -> None:
    """The writer rejects the one record that raises."""
    with pytest.raises(ValueError, match="badly formed"):
        add_to_day({}, decision(3, key_id="nobody"), MIDNIGHT)


def test_rows_come_in_one_order() -> None:
    """By account, day, key and model, whatever the order of the calls."""
    days: UsageDays = {}
    for day, model in ((2, "b"), (1, "b"), (2, "a"), (1, "a")):
        add_to_day(days, decision(1, model=model), MIDNIGHT + timedelta(days=day))
    _, dates, _, models, calls, charges, _ = day_columns(days)
    assert list(zip(dates, models, strict=True)) == [
        (date(2026, 3, 2), "a"),
        (date(2026, 3, 2), "b"),
        (date(2026, 3, 3), "a"),
        (date(2026, 3, 3), "b"),
    ]
    assert calls == charges == [1, 1, 1, 1]
