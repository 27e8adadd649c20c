"""What a settlement moves, given what is written of its request."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.rates import MILLIONTHS, Rate
from ledger.decisions import decide
from ledger.ids import new_id
from ledger.records import UsageRecord
from pricing.charge import charge_mc
from pricing.usage import Usage
from tests.support.records import orphan_record, truth_of

ACCOUNT = new_id()
ORPHAN_MC, HELD_MC = 20, 50
ORPHAN = orphan_record(ACCOUNT, ORPHAN_MC)

# Written before (kind: charge), what comes (kind, charge), what Redis has taken for it;
# then what is posted, as what, and what Redis is told.
CASES = [
    ("the truth, in time", {}, ("settled", 30), 30, (30, "usage", 0)),
    ("the truth of a hold that was lost", {}, ("settled", 30), 0, (30, "usage", -30)),
    ("more than was held", {}, ("settled", 90), 90, (90, "usage", 0)),
    ("a release", {}, ("settled", 0), 0, (0, "usage", 0)),
    ("an orphan", {}, ("orphan", 20), 20, (20, "usage", 0)),
    ("a dearer truth, late", {"orphan": 20}, ("settled", 30), 0, (10, "adjustment", -10)),
    ("a cheaper truth, late", {"orphan": 20}, ("settled", 5), 0, (-15, "adjustment", 15)),
    ("a late truth as estimated", {"orphan": 20}, ("settled", 20), 0, (0, "adjustment", 0)),
    ("a late release", {"orphan": 20}, ("settled", 0), 0, (-20, "adjustment", 20)),
    ("an orphan after the truth", {"settled": 30}, ("orphan", 20), 20, (0, "adjustment", 20)),
    ("a late truth, taken twice", {"orphan": 20}, ("settled", 30), 30, (10, "adjustment", 20)),
]
REPEATED = [
    ({"settled": 30}, ("settled", 30)),
    ({"orphan": 20}, ("orphan", 20)),
    ({"orphan": 20, "settled": 30}, ("settled", 30)),
    ({"orphan": 20, "settled": 30}, ("orphan", 20)),
]


def record_of(kind: str, charge: int) -> UsageRecord:
    return truth_of(ORPHAN, charge) if kind == "settled" else orphan_record(ACCOUNT, charge)


@pytest.mark.parametrize(
    ("written", "what", "taken_mc", "expected"),
    [case[1:] for case in CASES],
    ids=[case[0] for case in CASES],
)
def test_what_is_posted_makes_up_the_charge_and_what_redis_took_otherwise_is_told(
    written: dict, what: tuple[str, int], taken_mc: int, expected: tuple[int, str, int]
) -> None:
    """G4: first settlement: its charge; truth after an estimate: the difference; else nothing."""
    decision = decide(written, record_of(*what), taken_mc=taken_mc, held_mc=HELD_MC)
    assert decision is not None
    assert (decision.posted_mc, decision.entry_type, decision.sync_mc) == expected


@pytest.mark.parametrize(("written", "what"), REPEATED)
@pytest.mark.parametrize("taken_mc", [0, 20])
def test_g4_a_settlement_that_was_written_before_moves_nothing(
    written: dict, what: tuple[str, int], taken_mc: int
) -> None:
    """G4: (request, kind) is the settlement id, and each is written once."""
    assert decide(written, record_of(*what), taken_mc=taken_mc, held_mc=HELD_MC) is None


@given(
    arrivals=st.lists(st.tuples(st.sampled_from(["settled", "orphan"]), st.booleans()), min_size=1),
    truth_mc=st.integers(0, 100),
)
def test_in_any_order_what_was_posted_is_the_charge_and_the_syncs_are_the_rest(
    arrivals: list[tuple[str, bool]], truth_mc: int
) -> None:
    """G4: repeated, late, swept before or after: one charge in the ledger and in Redis alike."""
    charges = {"settled": truth_mc, "orphan": ORPHAN_MC}
    written: dict = {}
    posted_mc = told_mc = taken_mc = 0
    for kind, is_taken in arrivals:
        took_mc = charges[kind] if is_taken else 0
        decision = decide(
            written, record_of(kind, charges[kind]), taken_mc=took_mc, held_mc=HELD_MC
        )
        if decision is None:
            continue
        written[kind] = charges[kind]
        posted_mc += decision.posted_mc
        told_mc += decision.sync_mc
        taken_mc += took_mc
    assert posted_mc == charges["settled" if "settled" in written else "orphan"]
    assert told_mc == taken_mc - posted_mc


RATE = st.builds(
    lambda millionths: Rate(str(millionths), millionths), st.integers(0, 20 * MILLIONTHS)
)
COUNT = st.integers(0, 10_000)


@given(
    usage=st.builds(
        Usage,
        input_tokens=st.integers(10_000, 20_000),
        cached_input_tokens=COUNT,
        output_tokens=COUNT,
    ),
    rates=st.fixed_dictionaries({"input": RATE, "cached_input": RATE, "output": RATE}),
    rounding=st.sampled_from(["millicredit", "credit"]),
    held_mc=st.integers(0, 200_000),
)
def test_g8_an_orphan_of_a_clamped_hold_costs_what_its_row_says_and_no_more_than_was_held(
    usage: Usage, rates: dict[str, Rate], rounding: str, held_mc: int
) -> None:
    """G1, G8: units are cut until the hold pays for them, and the charge is theirs."""
    full_mc = charge_mc(usage.units(), rates, rounding)
    orphan = msgspec.structs.replace(
        orphan_record(ACCOUNT, full_mc),
        usage=usage,
        units=usage.units(),
        rates=rates,
        rounding=rounding,
    )
    decision = decide({}, orphan, taken_mc=min(full_mc, held_mc), held_mc=held_mc)
    assert decision is not None
    row = decision.record
    assert row.charge_mc == charge_mc(row.units, row.rates, row.rounding) <= held_mc
    assert decision.posted_mc == row.charge_mc
    assert decision.sync_mc == min(full_mc, held_mc) - row.charge_mc
    assert row.ceiling_mc == held_mc
    assert row.usage.units() == row.units
    assert all(0 <= row.units[name] <= orphan.units[name] for name in orphan.units)
    if full_mc <= held_mc:
        assert row.units == orphan.units


@pytest.mark.parametrize(
    ("rounding", "held_mc", "units", "charge"),
    [
        ("millicredit", 5_000, {"input": 1000, "cached_input": 500, "output": 3500}, 5_000),
        ("millicredit", 1_200, {"input": 1000, "cached_input": 200, "output": 0}, 1_200),
        ("millicredit", 999, {"input": 999, "cached_input": 0, "output": 0}, 999),
        ("credit", 5_900, {"input": 1000, "cached_input": 500, "output": 3500}, 5_000),
        ("credit", 1_999, {"input": 1000, "cached_input": 0, "output": 0}, 1_000),
        ("credit", 999, {"input": 0, "cached_input": 0, "output": 0}, 0),
    ],
)
def test_output_is_cut_first_and_no_more_than_must_be(
    rounding: str, held_mc: int, units: dict[str, int], charge: int
) -> None:
    """G1: half a credit that is held does not pay for a whole one."""
    usage = Usage(input_tokens=1_500, cached_input_tokens=500, output_tokens=9_000)
    orphan = orphan_record(ACCOUNT, 11_000, usage=usage, units=usage.units(), rounding=rounding)
    decision = decide({}, orphan, taken_mc=held_mc, held_mc=held_mc)
    assert decision is not None
    assert decision.record.units == units
    assert (decision.posted_mc, decision.sync_mc) == (charge, held_mc - charge)


def test_an_orphan_with_a_dimension_that_is_new_is_cut_as_well() -> None:
    """A new price dimension is one file and one line: the orphan's arithmetic names none."""
    units = {"input": 10, "cached_input": 0, "output": 10, "audio": 100}
    rates = {name: Rate("1", MILLIONTHS) for name in units}
    orphan = orphan_record(ACCOUNT, 120, units=units, rates=rates)
    decision = decide({}, orphan, taken_mc=30, held_mc=30)
    assert decision is not None
    assert decision.record.units == {"input": 10, "cached_input": 0, "output": 10, "audio": 10}
    assert decision.record.charge_mc == 30


def test_an_orphan_of_nothing_costs_nothing() -> None:
    """With the policy `release` an orphan has no units at all."""
    orphan = orphan_record(ACCOUNT, 0, units={}, usage=Usage(), basis="none")
    decision = decide({}, orphan, taken_mc=0, held_mc=0)
    assert decision is not None
    assert (decision.posted_mc, decision.sync_mc, decision.record.units) == (0, 0, {})
