"""The ledger against a simple model, under any order of postings, calls, expiries and crashes.

`TOLLGATE_TEST_EXAMPLES` and `TOLLGATE_TEST_STEPS` ask for a longer search; to find the step that
is at fault, `TOLLGATE_TEST_CHECK_EVERY=1` compares after each.
"""

import asyncio
import os
from collections import Counter
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from tests.support.books import Books, open_books
from tests.support.ledger_model import COUNTERS, Line
from tests.support.ledger_world import Call, LedgerWorld

EXAMPLES = int(os.environ.get("TOLLGATE_TEST_EXAMPLES", "60"))
STEPS = int(os.environ.get("TOLLGATE_TEST_STEPS", "120"))
CHECK_EVERY = int(os.environ.get("TOLLGATE_TEST_CHECK_EVERY", "5"))
SETTINGS = settings(
    max_examples=EXAMPLES,
    stateful_step_count=STEPS,
    deadline=None,
    derandomize="CI" in os.environ,
    suppress_health_check=list(HealthCheck),
    report_multiple_bugs=False,
)
PLACE = st.integers(0, 1)
PICK = st.integers(0, 99)
AMOUNT_MC = st.sampled_from([1, 30, 75, 100, 250])
DAYS = st.sampled_from([None, 1, 2, 2, 5])
BOUNDS_MC = st.sampled_from([(100, 100), (150, 40), (20, 20), (400, 1), (0, 0)])
TRUTH = st.sampled_from([0, 1, 33, 100, 100, 60, 130])


class Ledger(RuleBasedStateMachine):
    """Everything that moves credits, and everything that interrupts it."""

    done: Counter[str]

    def __init__(
        self, run: Callable[[Coroutine[Any, Any, Any]], Any], books: Books, done: Counter[str]
    ) -> None:
        super().__init__()
        self.run = run
        self.done = done
        self.steps = 0
        self.world: LedgerWorld = run(LedgerWorld.begin(books))
        for place in (0, 1):
            self.begin(place)

    def begin(self, place: int) -> None:
        """What each account has before anything happens."""
        self.grant(place, 500, None)

    def do(self, name: str, work: Coroutine[Any, Any, Any]) -> Any:
        """Does one operation, and counts it."""
        self.done[name] += 1
        return self.run(work)

    def calls(self, **states: bool) -> list[Call]:
        """Calls in these states."""
        return [
            call
            for call in self.world.calls
            if all(getattr(call, name) == value for name, value in states.items())
        ]

    def day(self, days: int | None) -> int | None:
        return None if days is None else self.world.today + days

    @rule(place=PLACE, amount_mc=AMOUNT_MC, days=DAYS)
    def grant(self, place: int, amount_mc: int, days: int | None) -> None:
        line = Line("grant", amount_mc, COUNTERS["grant"])
        self.do("grant", self.world.post(place, line, self.day(days)))

    @rule(place=PLACE, amount_mc=AMOUNT_MC, bonus_mc=AMOUNT_MC, days=st.sampled_from([None, 3]))
    def purchase(self, place: int, amount_mc: int, bonus_mc: int, days: int | None) -> None:
        work = self.world.purchase(place, amount_mc, bonus_mc, self.day(days))
        self.do("purchase", work)

    @rule(place=PLACE, amount_mc=AMOUNT_MC, pick=st.none() | PICK)
    def refund(self, place: int, amount_mc: int, pick: int | None) -> None:
        self.correct("refund", place, -amount_mc, pick, "purchase")

    @rule(place=PLACE, amount_mc=AMOUNT_MC, sign=st.sampled_from([1, -1]))
    def dispute(self, place: int, amount_mc: int, sign: int) -> None:
        line = Line("dispute", sign * amount_mc, COUNTERS["dispute"])
        self.do("dispute", self.world.post(place, line))

    @rule(place=PLACE, amount_mc=AMOUNT_MC, sign=st.sampled_from([1, -1]), pick=st.none() | PICK)
    def adjust(self, place: int, amount_mc: int, sign: int, pick: int | None) -> None:
        self.correct("adjustment", place, sign * amount_mc, pick, None)

    def correct(
        self, kind: str, place: int, amount_mc: int, pick: int | None, only: str | None
    ) -> None:
        lines = self.world.model.accounts[place].lines
        found = [number for number, line in enumerate(lines, 1) if only in (None, line.kind)]
        line = Line(kind, amount_mc, COUNTERS[kind])
        if pick is not None and found:
            line.corrects = found[pick % len(found)]
            line.counter = lines[line.corrects - 1].counter
        self.do(kind, self.world.post(place, line))

    @precondition(lambda self: self.world.posted)
    @rule(pick=PICK)
    def post_again(self, pick: int) -> None:
        self.do("post again", self.world.post_again(pick))

    @rule(place=PLACE, worker=PLACE, bounds_mc=BOUNDS_MC, truth=TRUTH)
    def reserve(self, place: int, worker: int, bounds_mc: tuple[int, int], truth: int) -> None:
        self.do("reserve", self.world.reserve(place, worker, *bounds_mc, truth))

    @rule(place=PLACE, worker=PLACE, bounds_mc=BOUNDS_MC, truth=TRUTH)
    def serve_a_call(self, place: int, worker: int, bounds_mc: tuple[int, int], truth: int) -> None:
        self.reserve(place, worker, bounds_mc, truth)
        if self.calls(is_ended=False, is_dead=False):
            self.settle(-1)

    @rule(place=PLACE, bounds_mc=BOUNDS_MC, truth=TRUTH)
    def an_orphans_truth_comes_late(
        self, place: int, bounds_mc: tuple[int, int], truth: int
    ) -> None:
        """A worker is paused: its call is swept, perhaps written, and then it settles."""
        self.reserve(place, 0, bounds_mc, truth)
        if self.calls(is_ended=False, is_dead=False):
            call = self.calls(is_ended=False, is_dead=False)[-1]
            self.do("sweep", self.world.sweep(call))
            self.do("settle", self.world.settle(call))

    @precondition(lambda self: self.calls(is_ended=False, is_dead=False))
    @rule(pick=PICK)
    def settle(self, pick: int) -> None:
        """In time, or late, where the call was swept."""
        calls = self.calls(is_ended=False, is_dead=False)
        self.do("settle", self.world.settle(calls[pick % len(calls)]))

    @precondition(lambda self: self.calls(is_ended=True))
    @rule(pick=PICK)
    def settle_again(self, pick: int) -> None:
        calls = self.calls(is_ended=True)
        self.do("settle again", self.world.settle(calls[pick % len(calls)]))

    @precondition(lambda self: self.calls(is_ended=False))
    @rule(pick=PICK)
    def sweep(self, pick: int) -> None:
        calls = self.calls(is_ended=False)
        self.do("sweep", self.world.sweep(calls[pick % len(calls)]))

    @precondition(lambda self: self.calls(is_ended=False, is_dead=False))
    @rule(worker=PLACE)
    def a_worker_dies(self, worker: int) -> None:
        for call in self.calls(worker=worker, is_ended=False):
            call.is_dead = True
        self.done["worker dies"] += 1

    @rule(days=st.integers(0, 2))
    def expire(self, days: int) -> None:
        self.world.today += days
        self.do("expire", self.world.expire())

    @rule()
    def write(self) -> None:
        self.do("write", self.world.write())

    @precondition(lambda self: self.world.model.stream)
    @rule(count=st.integers(1, 5))
    def a_writer_commits(self, count: int) -> None:
        self.do("commit", self.world.commit(count))

    @precondition(lambda self: self.world.old_acknowledgements)
    @rule(pick=PICK)
    def an_old_acknowledgement_arrives(self, pick: int) -> None:
        self.do("acknowledge", self.world.acknowledge(pick))

    @precondition(lambda self: self.world.model.stream)
    @rule(count=st.integers(1, 5))
    def a_writer_dies_before_it_acknowledges(self, count: int) -> None:
        self.do("commit", self.world.commit(count))
        self.world.restart_writer()
        self.done["writer dies"] += 1

    @rule(place=PLACE)
    def tell(self, place: int) -> None:
        self.do("tell", self.world.tell(place))

    @precondition(lambda self: any(one.copy for one in self.world.model.accounts))
    @rule(place=PLACE)
    def redis_loses_an_account(self, place: int) -> None:
        self.do("lose", self.world.lose(place))

    @rule(place=PLACE)
    def rebuild(self, place: int) -> None:
        self.do("rebuild", self.world.rebuild(place))

    @invariant()
    def balances_and_lots_are_the_models(self) -> None:
        self.steps += 1
        if self.steps % CHECK_EVERY == 0:
            self.run(self.world.check_balances())

    def teardown(self) -> None:
        self.run(self.world.come_to_rest())
        self.run(self.world.check_balances())
        self.run(self.world.check_chains())


class LedgerInDebt(Ledger):
    """The same, from below zero: what is given pays a debt first."""

    def begin(self, place: int) -> None:
        self.do("refund", self.world.post(place, Line("refund", -120, COUNTERS["refund"])))


@pytest.mark.timeout(900)
@pytest.mark.parametrize("machine", [Ledger, LedgerInDebt])
def test_ten_thousand_operations_leave_what_a_simple_model_says(
    database_url: str, redis_url: str, machine: type[Ledger]
) -> None:
    """G5, G6, G7, G9: balances, lots and chains are the model's, after each run and on the way.

    Five thousand operations of each machine.
    """
    done: Counter[str] = Counter()
    with asyncio.Runner() as runner:
        opened = open_books(database_url, redis_url)
        books = runner.run(opened.__aenter__())
        try:
            begin = partial(machine, runner.run, books, done)
            run_state_machine_as_test(begin, settings=SETTINGS)
        finally:
            runner.run(opened.__aexit__(None, None, None))
    assert done.total() >= EXAMPLES * STEPS * 7 // 10, done
