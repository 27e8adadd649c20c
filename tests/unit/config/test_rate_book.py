"""Rates over time: changes that are scheduled, models that retire, and what is no plan."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from config.errors import ConfigError
from config.rate_book import RateBook, parse_rate_book, read_rate_book

SOURCE = "rates.toml"
MODEL = """
[models."m"]
upstream = "openai"
input = "20"
output = "80"
context_window = 128000
max_output_tokens = 16384
"""
OTHER = MODEL.replace('"m"', '"other"')
DECEMBER = int(datetime(2026, 12, 1, tzinfo=UTC).timestamp())
JANUARY = int(datetime(2027, 1, 1, tzinfo=UTC).timestamp())


def book_of(text: str, since_s: int = 0) -> RateBook:
    return parse_rate_book(text, SOURCE, frozenset({"openai"}), since_s=since_s)


def change(effective_from: str, *lines: str) -> str:
    return "\n".join(['[[models."m".changes]]', f"effective_from = {effective_from}", *lines, ""])


def prices(book: RateBook, moment_s: int, model: str = "m") -> dict[str, str]:
    rates = book.table_at(moment_s).models[model].rates
    return {dimension: rate.text for dimension, rate in rates.items()}


def refusal(text: str) -> ConfigError:
    with pytest.raises(ConfigError) as raised:
        book_of(text)
    assert raised.value.source == SOURCE
    return raised.value


CHANGED = MODEL + change("2026-12-01T00:00:00Z", 'input = "10"')


def test_a_change_comes_into_force_at_its_second() -> None:
    """Rates: `effective_from` schedules; until then the rates are as they are."""
    book = book_of(CHANGED)
    assert prices(book, DECEMBER - 1) == {"input": "20", "cached_input": "20", "output": "80"}
    assert prices(book, DECEMBER) == {"input": "10", "cached_input": "10", "output": "80"}


def test_a_change_makes_a_version_when_it_comes() -> None:
    """Rate version: of the table in force, so the plan alone makes none."""
    book, unplanned = book_of(CHANGED), book_of(MODEL)
    assert book.table_at(DECEMBER - 1).version == unplanned.table_at(0).version
    assert book.table_at(DECEMBER).version != book.table_at(DECEMBER - 1).version
    by_hand = book_of(MODEL.replace('"20"', '"10"'))
    assert book.table_at(DECEMBER).version == by_hand.table_at(0).version


def test_changes_build_on_each_other_in_the_order_of_time() -> None:
    """Rates: the order in the file does not matter; what a change leaves out stays."""
    book = book_of(
        MODEL
        + change("2027-01-01T00:00:00Z", 'output = "60"')
        + change("2026-12-01T00:00:00Z", 'input = "10"', 'cached_input = "5"')
    )
    assert prices(book, DECEMBER) == {"input": "10", "cached_input": "5", "output": "80"}
    assert prices(book, JANUARY) == {"input": "10", "cached_input": "5", "output": "60"}
    assert book.moments() == [DECEMBER, JANUARY]


def test_cached_input_that_was_written_stays_when_input_changes() -> None:
    """Rates: it follows the input only where the file is silent about it."""
    book = book_of(CHANGED.replace('output = "80"', 'output = "80"\ncached_input = "10"', 1))
    assert prices(book, DECEMBER) == {"input": "10", "cached_input": "10", "output": "80"}
    written = book_of(CHANGED.replace('output = "80"', 'output = "80"\ncached_input = "15"', 1))
    assert prices(written, DECEMBER)["cached_input"] == "15"


def test_costs_labels_and_bounds_can_change_too() -> None:
    """Rates: a provider's own change of prices is scheduled with ours."""
    lines = ['cost_input = "1.25"', 'cost_output = "5"', 'label = "New"', "context_window = 64000"]
    book = book_of(MODEL + change("2026-12-01T00:00:00Z", *lines))
    before, after = (book.table_at(at).models["m"] for at in (DECEMBER - 1, DECEMBER))
    assert (before.costs, before.label, before.context_window) == ({}, "m", 128_000)
    assert after.costs["input"].millionths == 1_250_000
    assert after.costs["cached_input"].text == "1.25"
    assert (after.label, after.context_window, after.max_image_tokens) == ("New", 64_000, 64_000)


@pytest.mark.parametrize(
    "written",
    [
        "2026-12-01T00:00:00Z",
        "2026-12-01 00:00:00Z",
        "2026-12-01T02:00:00+02:00",
        "2026-11-30T19:00:00-05:00",
        '"2026-12-01T00:00:00Z"',
        '"2026-12-01T02:00:00+02:00"',
        "2026-12-01T00:00:00.000Z",
    ],
)
def test_a_moment_is_the_same_in_any_time_zone(written: str) -> None:
    """Rates: a TOML date-time or ISO 8601 text, each with its offset."""
    assert book_of(MODEL + change(written, 'input = "1"')).moments() == [DECEMBER]


def test_a_retired_model_has_no_rate_from_its_second_on() -> None:
    """G2: it is gone from the table, which remembers when it went."""
    book = book_of(OTHER + MODEL + "retire_at = 2026-12-01T00:00:00Z\n")
    before, after = book.table_at(DECEMBER - 1), book.table_at(DECEMBER)
    assert (set(before.models), dict(before.retired_at_s)) == ({"other", "m"}, {})
    assert (set(after.models), dict(after.retired_at_s)) == ({"other"}, {"m": DECEMBER})
    assert before.version != after.version


def test_a_table_of_which_all_models_have_retired_is_empty() -> None:
    """G2: nothing is sold, and nothing breaks."""
    assert book_of(MODEL + "retire_at = 2026-12-01T00:00:00Z\n").table_at(DECEMBER).models == {}


def test_the_next_change_is_the_first_one_after_a_moment() -> None:
    """Rates: who holds a table knows until when it is in force."""
    book = book_of(
        MODEL + "retire_at = 2027-01-01T00:00:00Z\n" + change("2026-12-01T00:00:00Z", 'input = "1"')
    )
    asked = [book.next_change_s(at) for at in (0, DECEMBER - 1, DECEMBER, JANUARY - 1, JANUARY)]
    assert asked == [DECEMBER, DECEMBER, JANUARY, JANUARY, None]


def test_a_table_says_since_when_it_is_in_force() -> None:
    """updatedAt: when the file was taken, or when the last change came, whichever is later."""
    assert [book_of(CHANGED, since_s=5).table_at(at).updated_at_s for at in (9, DECEMBER + 9)] == [
        *(5, DECEMBER)
    ]
    late = book_of(CHANGED, since_s=JANUARY)
    assert late.table_at(JANUARY + 1).updated_at_s == JANUARY


def test_a_file_is_in_force_since_it_was_written(tmp_path: Path) -> None:
    """updatedAt: a restart does not make rates younger."""
    path = tmp_path / SOURCE
    path.write_text(MODEL)
    book = read_rate_book(path, frozenset({"openai"}))
    assert book.since_s == int(path.stat().st_mtime)
    assert book.source == str(path)


@pytest.mark.parametrize(
    ("effective_from", "reason"),
    [
        ("2026-12-01T00:00:00", "2026-12-01 00:00:00 has no time zone: write 2026-12-01T00:00:00Z"),
        ('"2026-12-01T00:00:00"', "'2026-12-01T00:00:00' has no time zone"),
        ("2026-12-01", "2026-12-01 is not a time: write 2026-12-01T00:00:00Z"),
        ('"next friday"', "'next friday' is not a time"),
        ('""', "'' is not a time"),
        ("1796083200", "1796083200 is not a time"),
        ("true", "True is not a time"),
        ("12:00:00", "12:00:00 is not a time"),
        ("2026-12-01T00:00:00.5Z", "is no whole second"),
        ("9999-12-31T23:59:59-12:00", "is not in the years 1970 to 9999"),
        ("0001-01-01T00:00:00+14:00", "is not in the years 1970 to 9999"),
    ],
)
def test_what_is_no_moment_is_refused(effective_from: str, reason: str) -> None:
    """A bad table is refused with file, key and reason; the reason says what would be right."""
    error = refusal(MODEL + change(effective_from, 'input = "10"'))
    assert error.key == 'models."m".changes[0].effective_from'
    assert reason in error.reason
    retirement = refusal(MODEL + f"retire_at = {effective_from}\n")
    assert retirement.key == 'models."m".retire_at'
    assert reason in retirement.reason


@pytest.mark.parametrize(
    ("lines", "key", "reason"),
    [
        (['input = "10,5"'], "changes[0].input", "'10,5' is not a rate: write credits per 1,000"),
        (["input = 10.5"], "changes[0].input", "expected `str`, got `float`"),
        (['cost_input = "1"'], "changes[0].cost_output", "is missing: give the costs of input and"),
        (['inptu = "1"'], "changes[0].inptu", "is not a known key"),
        (['upstream = "openai"'], "changes[0].upstream", "is not a known key"),
        (["max_output_tokens = 0"], "changes[0].max_output_tokens", ">= 1"),
        ([], "changes[0]", "changes nothing: add a rate"),
    ],
)
def test_a_bad_change_is_refused_by_key(lines: list[str], key: str, reason: str) -> None:
    """A bad table is refused with file, key and reason, also where it is bad only later."""
    error = refusal(MODEL + change("2026-12-01T00:00:00Z", *lines))
    assert error.key == f'models."m".{key}'
    assert reason in error.reason


def test_rates_of_any_moment_are_known() -> None:
    """Rates: the first ones are from ever on, also before 1970."""
    assert prices(book_of(CHANGED), -(10**11))["input"] == "20"


def test_two_changes_at_the_same_moment_are_refused() -> None:
    """Rates: nobody is to guess which one counts; other zones do not hide it."""
    error = refusal(CHANGED + change("2026-12-01T01:00:00+01:00", 'output = "70"'))
    assert error.key == 'models."m".changes[1].effective_from'
    assert '2026-12-01T00:00:00Z is the time of models."m".changes[0] already' in error.reason


def test_a_change_of_a_retired_model_is_refused() -> None:
    """Rates: it would never come into force, so one of the two is a mistake."""
    for retire_at in ("2026-12-01T00:00:00Z", "2026-11-01T00:00:00Z"):
        plan = change("2026-12-01T00:00:00Z", 'input = "1"')
        error = refusal(MODEL + f"retire_at = {retire_at}\n" + plan)
        assert error.key == 'models."m".retire_at'
        assert "is not after the last change, which is from 2026-12-01T00:00:00Z on" in error.reason


def test_an_effective_from_out_of_place_is_shown_its_place() -> None:
    """Rates: on a model it would take its present rates away, which nobody means."""
    error = refusal(MODEL + "effective_from = 2026-12-01T00:00:00Z\n")
    assert error.key == 'models."m".effective_from'
    assert '[[models."m".changes]] with effective_from = 2026-12-01T00:00:00Z' in error.reason
    error = refusal("effective_from = 2026-12-01T00:00:00Z\n" + MODEL)
    assert error.key == "effective_from"
    assert '[[models."gpt-4o".changes]] with effective_from = ' in error.reason


def test_changes_are_tables() -> None:
    """A bad table is refused with file, key and reason."""
    assert refusal(MODEL + 'changes = "soon"\n').key == 'models."m".changes'
    assert refusal(MODEL + "changes = [5]\n").key == 'models."m".changes[0]'
