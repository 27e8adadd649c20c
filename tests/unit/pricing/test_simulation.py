"""Calls of the past under another table: sums that are exact, and that agree with each other."""

from collections.abc import Sequence
from fractions import Fraction
from typing import get_args

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.rates import DIMENSIONS, ModelRates, Rate, RateTable
from config.settings import Rounding
from pricing.charge import charge_mc, cost_picousd
from pricing.simulation import Call, Earned, Figures, Replay, Unpriced, change_permille, sum_of
from tests.support.rates import shipped_table

MODEL = shipped_table().models["gpt-4o-mini"]
NAMES = ("cheap", "dear", "costly")


def rates_of(millionths: int) -> dict[str, Rate]:
    return {name: Rate("any", millionths + place) for place, name in enumerate(DIMENSIONS)}


def model(name: str, millionths: int, costs: int | None = None) -> ModelRates:
    given_costs = {} if costs is None else rates_of(costs)
    return msgspec.structs.replace(MODEL, name=name, rates=rates_of(millionths), costs=given_costs)


def table_of(*models: ModelRates, **changes: object) -> RateTable:
    table = RateTable(version="v", updated_at_s=0, models={one.name: one for one in models})
    return msgspec.structs.replace(table, **changes)


OLD = table_of(model("cheap", 1_500_001), model("dear", 20_000_000), model("costly", 7, costs=3))

units = st.fixed_dictionaries({name: st.integers(0, 10**6) for name in DIMENSIONS})
known_costs = st.none() | st.integers(0, 10**15)


@st.composite
def past_calls(draw: st.DrawFn) -> list[Call]:
    """Calls that were charged by the old table."""
    calls: list[Call] = []
    for _ in range(draw(st.integers(0, 20))):
        used, rounding = draw(units), draw(st.sampled_from(get_args(Rounding)))
        name, account = draw(st.sampled_from(NAMES)), draw(st.sampled_from("AB"))
        charge = charge_mc(used, OLD.models[name].rates, rounding)
        calls.append((account, name, rounding, used, charge, draw(known_costs)))
    return calls


def replayed(table: RateTable, calls: Sequence[Call], pieces: int = 1) -> Replay:
    replay = Replay(table)
    for piece in range(pieces):
        replay.add(calls[piece::pieces])
    return replay


@given(past_calls())
def test_the_same_table_earns_the_same(calls: list[Call]) -> None:
    """Simulate: what is, is what would be, in all and in each part."""
    simulation = replayed(OLD, calls).simulation()
    parts = (simulation.total, *simulation.by_model.values(), *simulation.by_account.values())
    assert all(figures.would_be_mc == figures.was_mc for figures in parts)
    assert simulation.total.was_mc == sum(call[4] for call in calls)
    assert simulation.unpriced == ()


@given(past_calls())
def test_doubled_rates_earn_double_but_for_roundings(calls: list[Call]) -> None:
    """Simulate: each call is rounded by itself, so never more than double."""
    doubled = {
        name: msgspec.structs.replace(
            one, rates={key: Rate("any", 2 * rate.millionths) for key, rate in one.rates.items()}
        )
        for name, one in OLD.models.items()
    }
    total = replayed(table_of(*doubled.values()), calls).simulation().total
    slack_mc = sum(1000 if call[2] == "credit" else 1 for call in calls)
    assert 2 * total.was_mc - slack_mc <= total.would_be_mc <= 2 * total.was_mc


@given(past_calls(), st.integers(1, 4))
def test_models_and_accounts_each_add_up_to_the_total(calls: list[Call], pieces: int) -> None:
    """Simulate: whatever is missing, and in whatever pieces calls come."""
    table = table_of(model("cheap", 999, costs=5), model("dear", 12_345))
    replay = replayed(table, calls, pieces)
    simulation = replay.simulation()
    assert sum_of(simulation.by_model.values()) == simulation.total
    assert sum_of(simulation.by_account.values()) == simulation.total
    assert simulation == replayed(table, calls).simulation()
    assert replay.calls == simulation.total.calls == len(calls)
    assert sum(one.was_mc for one in simulation.unpriced) == (
        simulation.total.was_mc - simulation.total.priced_was_mc
    )


@given(past_calls())
def test_each_call_is_charged_by_the_rule_of_real_calls(calls: list[Call]) -> None:
    """Simulate: against one call after the other, by hand."""
    table = table_of(model("cheap", 999, costs=5), model("dear", 12_345))
    total = replayed(table, calls).simulation().total
    priced = [call for call in calls if call[1] in table.models]
    charges = [charge_mc(call[3], table.models[call[1]].rates, call[2]) for call in priced]
    costs = [cost_picousd(call[3], table.models[call[1]].costs) for call in priced]
    costs = [call[5] if cost is None else cost for call, cost in zip(priced, costs, strict=True)]
    known = [
        (charge, cost) for charge, cost in zip(charges, costs, strict=True) if cost is not None
    ]
    assert total.would_be_mc == sum(charges)
    assert total.would_be_earned == Earned(
        len(known), sum(charge for charge, _ in known), sum(cost for _, cost in known)
    )
    past = [(call[4], call[5]) for call in calls if call[5] is not None]
    assert total.was_earned == Earned(
        len(past), sum(charge for charge, _ in past), sum(cost for _, cost in past)
    )


def call(name: str = "cheap", count: int = 1, **changes: object) -> Call:
    values = {"account": "A", "rounding": "millicredit", "units": {"input": count}, "was": 10}
    values |= {"cost": None, **changes}
    return (
        values["account"],
        name,
        values["rounding"],
        values["units"],
        values["was"],
        values["cost"],
    )


def test_calls_that_would_be_refused_are_named_with_the_reason() -> None:
    """Simulate: never dropped in silence."""
    table = table_of(model("cheap", 10**6), retired_at_s={"old": 5})
    calls = [
        call("gone", was=7),
        call("old", was=1),
        call("old", was=2),
        call("cheap", units={"input": 1, "video": 2}, was=4),
        call("cheap", was=3),
    ]
    simulation = replayed(table, calls).simulation()
    assert simulation.unpriced == (
        Unpriced("cheap", "has no rate for video", 1, 4),
        Unpriced("gone", "is not in the table", 1, 7),
        Unpriced("old", "is retired", 2, 3),
    )
    total = simulation.total
    assert (total.calls, total.priced_calls) == (5, 1)
    assert (total.was_mc, total.priced_was_mc, total.would_be_mc) == (17, 3, 1)


def test_a_dimension_without_units_needs_no_rate() -> None:
    """Simulate: as real calls."""
    calls = [call("cheap", units={"input": 5, "video": 0})]
    assert replayed(table_of(model("cheap", 10**6)), calls).simulation().unpriced == ()


def test_the_costs_of_the_file_are_before_those_of_the_call() -> None:
    """Simulate: else the call's own, else nobody knows the margin."""
    calls = [call("cheap", 100, cost=1), call("dear", 100, cost=2), call("dear", 100)]
    table = table_of(model("cheap", 10**6, costs=50), model("dear", 10**6))
    simulation = replayed(table, calls).simulation()
    assert simulation.by_model["cheap"].would_be_earned == Earned(1, 100, 5000)
    assert simulation.by_model["dear"].would_be_earned == Earned(1, 100, 2)
    assert simulation.by_model["dear"].was_earned == Earned(1, 10, 2)


@pytest.mark.parametrize(
    ("earned", "credits_per_usd", "margin_picousd"),
    [
        (Earned(), 1000, None),
        (Earned(1, 1, 0), 1000, 10**6),  # 1 mc is 1 µUSD
        (Earned(1, 0, 5), 1000, -5),
        (Earned(2, 360_000, 45 * 10**9), 1000, 315 * 10**9),
        (Earned(1, 1000, 1), 300, 3_333_333_332),  # 1/300 USD, down
    ],
)
def test_a_margin_is_charges_in_dollars_less_costs(
    earned: Earned, credits_per_usd: int, margin_picousd: int | None
) -> None:
    """Simulate: exact, and unknown where no cost is known."""
    assert earned.margin_picousd(credits_per_usd) == margin_picousd


@given(st.integers(-(10**15), 10**15), st.integers(-(10**15), 10**15))
def test_a_change_is_told_to_the_nearest_thousandth(was: int, would_be: int) -> None:
    """Simulate: from nothing, no percentage is right."""
    change = change_permille(was, would_be)
    if was == 0:
        assert change is None
    else:
        assert change is not None
        assert abs(change - Fraction(1000 * (would_be - was), abs(was))) <= Fraction(1, 2)


def test_nothing_adds_up_to_nothing() -> None:
    """Simulate: a period without calls."""
    simulation = Replay(OLD).simulation()
    assert simulation.total == Figures()
    assert simulation.by_model == {}
