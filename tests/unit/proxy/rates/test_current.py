"""The table in force: it switches when it is told to, and by itself when its time comes."""

from datetime import UTC, datetime

import pytest

from config.rate_book import parse_rate_book
from proxy.rates.accepted import AcceptedRates, Reason
from proxy.rates.current import CurrentRates

MODEL = """
[models."m"]
upstream = "openai"
input = "{input}"
output = "80"
context_window = 128000
max_output_tokens = 16384
"""
DECEMBER = 1_796_083_200
PLAN = """
retire_at = 2027-01-01T00:00:00Z
[[models."m".changes]]
effective_from = 2026-12-01T00:00:00Z
input = "10"
"""


class Clock:
    """A clock that stands where it is put."""

    def __init__(self) -> None:
        self.now_s = DECEMBER - 100.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def clock() -> Clock:
    return Clock()


def accepted(text: str, reason: Reason = "start", since_s: int = 5) -> AcceptedRates:
    return AcceptedRates(
        book=parse_rate_book(text, "rates.toml", frozenset({"openai"}), since_s=since_s),
        text=text,
        source="rates.toml",
        reason=reason,
        accepted_at=datetime.fromtimestamp(7, UTC),
        since_s=since_s,
        host="here",
        file_owner="ada",
    )


def test_a_scheduled_change_comes_by_itself(clock: Clock) -> None:
    """Rates: from its second on, without anybody's doing."""
    rates = CurrentRates(accepted(MODEL.format(input="20") + PLAN), clock)
    clock.now_s = DECEMBER - 0.001
    assert rates.current().models["m"].rates["input"].text == "20"
    clock.now_s = DECEMBER
    assert rates.current().models["m"].rates["input"].text == "10"
    assert rates.current().updated_at_s == DECEMBER


def test_a_process_that_slept_through_two_changes_knows_of_both(clock: Clock) -> None:
    """Rate versions: each is told of, with the moment that it was planned for."""
    rates = CurrentRates(accepted(MODEL.format(input="20") + PLAN), clock)
    clock.now_s = DECEMBER + 10**8
    assert rates.current().models == {}
    told = [(switch.reason, switch.in_force_from.isoformat()) for switch in rates.switches]
    assert told == [
        ("start", "1970-01-01T00:00:05+00:00"),
        ("schedule", "2026-12-01T00:00:00+00:00"),
        ("schedule", "2027-01-01T00:00:00+00:00"),
    ]


def test_a_table_stays_the_same_object_between_switches(clock: Clock) -> None:
    """The hot path: nothing is worked out for a call."""
    rates = CurrentRates(accepted(MODEL.format(input="20") + PLAN), clock)
    assert rates.current() is rates.current()


def test_what_is_taken_is_in_force_at_once(clock: Clock) -> None:
    """Rates: and the plan of the former ones is forgotten."""
    rates = CurrentRates(accepted(MODEL.format(input="20") + PLAN), clock)
    held = rates.current()
    rates.take(accepted(MODEL.format(input="30"), "file changed"))
    clock.now_s = DECEMBER
    assert rates.current().models["m"].rates["input"].text == "30"
    assert held.models["m"].rates["input"].text == "20"
    assert [switch.reason for switch in rates.switches] == ["start", "file changed"]


def test_a_switch_says_all_that_the_history_shows(clock: Clock) -> None:
    """Rate versions: content hash, applied at, by whom or what."""
    rates = CurrentRates(accepted(MODEL.format(input="20")), clock)
    [switch] = rates.switches
    assert switch.version == rates.current().version
    assert switch.models == rates.current().models
    assert (switch.host, switch.source, switch.file_owner) == ("here", "rates.toml", "ada")
    assert switch.applied_at == datetime.fromtimestamp(7, UTC)
