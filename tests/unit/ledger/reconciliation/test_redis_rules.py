"""What must be true of an account in Redis, given what the ledger has in that moment."""

import msgspec
import pytest

from ledger.ids import new_id
from ledger.reconciliation.inspection import (
    Hold,
    Inspection,
    LedgerSide,
    Tombstone,
    read_inspection,
)
from ledger.reconciliation.redis_rules import Clock, differences, timed_differences

NOW_MS = 1_800_000_000_000
CLOCK = Clock(ttl_ms=60_000, started_ms=NOW_MS - 86_400_000)
CALL = Hold("a", 300, NOW_MS + 60_000)
DONE = Tombstone("b", "settled", 100, 7, is_written=False)
LEDGER = LedgerSide(balance_mc=10_000, last_sync_number=4)


def redis(**changes: object) -> Inspection:
    values = {
        "now_ms": NOW_MS,
        "available": "9600",
        "held": "300",
        "unwritten": "100",
        "sync": "4",
        "written_number": 6,
        "holds": (CALL,),
        "tombstones": (DONE,),
        "lone_deadlines": (),
        "unreadable": (),
    }
    return Inspection(**{**values, **changes})


def ledger(**changes: object) -> LedgerSide:
    return msgspec.structs.replace(LEDGER, **changes)


def whats(seen: Inspection, known: LedgerSide) -> list[str]:
    found = [*differences("x", seen, known), *timed_differences("x", seen, known, CLOCK)]
    return [one.what for one in found]


@pytest.mark.parametrize(
    ("seen", "known"),
    [
        (redis(), LEDGER),  # a call in flight, and one that waits to be written
        # Committed and not acknowledged: its tombstone is there, and so is its row.
        (redis(), ledger(balance_mc=9_900, written={("b", "settled"): 100})),
        # The same, where Redis has taken more than was posted: it is given back by a sync.
        (
            redis(),
            ledger(
                balance_mc=9_960,
                last_sync_number=5,
                unapplied_mc=60,
                unapplied_number=5,
                written={("b", "settled"): 40},
            ),
        ),
        # A grant that Redis has not been told of.
        (redis(), ledger(balance_mc=10_700, last_sync_number=5, unapplied_mc=700)),
        # An orphan's tombstone, whose truth is written: not the same settlement.
        (
            redis(tombstones=(msgspec.structs.replace(DONE, kind="orphan"),)),
            ledger(written={("b", "settled"): 0}),
        ),
        # Known as written by a rebuild.
        (
            redis(
                tombstones=(msgspec.structs.replace(DONE, is_written=True),),
                unwritten="0",
                available="9700",
            ),
            LEDGER,
        ),
        # Acknowledged as a record that could not be written: its charge stays taken.
        (redis(written_number=7), ledger(rejected=frozenset({7}))),
        # A release that has overtaken its own reserve.
        (redis(), ledger(written={("a", "settled"): 0})),
        # Lost: it is rebuilt when it is needed.
        (redis(available="", held="", unwritten="", sync=""), LEDGER),
    ],
)
def test_calls_in_flight_are_no_differences(seen: Inspection, known: LedgerSide) -> None:
    """G9: balance - unapplied syncs = available + held + taken but not yet written."""
    assert whats(seen, known) == []


@pytest.mark.parametrize(
    ("seen", "known", "expected"),
    [
        (redis(available="9601"), LEDGER, ["available in Redis"]),
        (redis(held="299"), LEDGER, ["held in Redis"]),
        (redis(unwritten="101"), LEDGER, ["unwritten in Redis"]),
        (redis(sync="5"), LEDGER, ["last sync in Redis"]),
        (redis(held=""), LEDGER, ["`held` in Redis"]),
        (redis(holds=()), LEDGER, ["held in Redis", "available in Redis"]),
        (redis(lone_deadlines=("c",)), LEDGER, ["deadline without a hold"]),
        (redis(unreadable=("c",)), LEDGER, ["what is filed of a call"]),
        (redis(written_number=7), LEDGER, ["charge that nobody will write"]),
        (redis(), ledger(balance_mc=10_001), ["available in Redis"]),
        (
            redis(),
            ledger(written={("a", "settled"): 5}),
            ["hold of a call that is written"],
        ),
        (redis(holds=(Hold("a", 300, None),)), LEDGER, ["deadline of a hold"]),
        (redis(holds=(Hold("a", 300, NOW_MS - 90_001),)), LEDGER, ["overdue hold"]),
        (redis(holds=(Hold("a", 300, NOW_MS + 151_000),)), LEDGER, ["deadline of a hold"]),
        (
            redis(),
            ledger(balance_mc=10_700, unapplied_mc=700, unapplied_age_s=61),
            ["change that Redis was not told of"],
        ),
    ],
)
def test_what_does_not_fit_is_named(
    seen: Inspection, known: LedgerSide, expected: list[str]
) -> None:
    """G9: each by what it is."""
    assert whats(seen, known) == expected


def test_a_redis_that_has_come_back_is_given_time_to_be_swept() -> None:
    """G4: workers must be able to renew their holds before anything is swept."""
    before, after = new_id(), new_id()
    now_ms = (int(before.replace("-", "")[:12], 16)) + 30_000
    clock = Clock(ttl_ms=60_000, started_ms=now_ms - 20_000)
    for name, started_ms, expected in (
        (before, now_ms - 20_000, []),
        (before, now_ms - 151_000, ["overdue hold"]),
        (after, now_ms - 40_000, ["overdue hold"]),
        ("no id of ours", now_ms - 20_000, ["overdue hold"]),
    ):
        clock = msgspec.structs.replace(clock, started_ms=started_ms)
        seen = redis(now_ms=now_ms, holds=(Hold(name, 300, 1),))
        assert [one.what for one in timed_differences("x", seen, LEDGER, clock)] == expected


def test_the_scripts_reply_is_read_whatever_it_says() -> None:
    """Scores may be written with an exponent, or be infinite; ids may be any bytes."""
    reply = [b"5", b"9", b"", b"-1", b"3", b"8"]
    reply += [b"a", b"H", b"10", b"", b"", b"1.8e+12"]
    reply += [b"b", b"H", b"10", b"", b"", b"inf"]
    reply += [b"c", b"T", b"4", b"orphan", b"6", b""]
    reply += [b"d", b"W", b"4", b"settled", b"5", b""]
    reply += [b"e", b"D", b"", b"", b"", b"1"]
    reply += [b"\xff", b"?", b"", b"", b"", b""]
    read = read_inspection(reply)
    assert read.holds == (Hold("a", 10, 1_800_000_000_000), Hold("b", 10, 2**62))
    assert read.tombstones == (
        Tombstone("c", "orphan", 4, 6, is_written=False),
        Tombstone("d", "settled", 4, 5, is_written=True),
    )
    assert (read.lone_deadlines, read.unreadable) == (("e",), ("\ufffd",))
    assert read.request_ids == ["a", "b", "c", "d"]
