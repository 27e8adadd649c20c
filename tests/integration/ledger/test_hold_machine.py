"""The protocol of holds under any order of crashes, losses, repetitions and late arrivals.

`TOLLGATE_TEST_EXAMPLES` and `TOLLGATE_TEST_STEPS` ask for a longer search.
"""

import asyncio
import os
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
from tests.support.hold_checks import check_at_rest, check_step
from tests.support.hold_world import Call, World

SETTINGS = settings(
    max_examples=int(os.environ.get("TOLLGATE_TEST_EXAMPLES", "30")),
    stateful_step_count=int(os.environ.get("TOLLGATE_TEST_STEPS", "40")),
    deadline=None,
    derandomize="CI" in os.environ,
    suppress_health_check=list(HealthCheck),
    report_multiple_bugs=False,
)
PLACE = st.integers(0, 1)
PICK = st.integers(0, 99)
BOUNDS_MC = st.sampled_from([(100, 100), (150, 40), (250, 250), (400, 1), (0, 0)])
TRUTH = st.sampled_from([0, 1, 33, 100, 100, 60, 130])


class Holds(RuleBasedStateMachine):
    """Everything that can happen, but that Redis loses data."""

    def __init__(self, run: Callable[[Coroutine[Any, Any, Any]], Any], books: Books) -> None:
        super().__init__()
        self.run = run
        self.world: World = run(World.begin(books))

    def call(self, pick: int, **states: bool) -> Call | None:
        """One of the calls that are in these states."""
        found = [
            call
            for call in self.world.calls
            if all(getattr(call, name) == value for name, value in states.items())
        ]
        return found[pick % len(found)] if found else None

    @rule(place=PLACE, worker=PLACE, bounds_mc=BOUNDS_MC, truth=TRUTH)
    def reserve(self, place: int, worker: int, bounds_mc: tuple[int, int], truth: int) -> None:
        self.run(self.world.reserve(place, worker, bounds_mc, truth))

    @rule(place=PLACE, worker=PLACE, bounds_mc=BOUNDS_MC)
    def serve_a_call(self, place: int, worker: int, bounds_mc: tuple[int, int]) -> None:
        self.run(self.world.reserve(place, worker, bounds_mc, 60))
        if call := self.call(-1, is_held_by_a_worker=True):
            self.run(self.world.settle(call))

    @rule(pick=PICK)
    def settle(self, pick: int) -> None:
        if call := self.call(pick, is_held_by_a_worker=True):
            self.run(self.world.settle(call))

    @rule(pick=PICK)
    def settle_again(self, pick: int) -> None:
        if call := self.call(pick, is_answered=True, is_dead=False):
            self.run(self.world.settle(call))

    @rule(pick=PICK)
    def release(self, pick: int) -> None:
        if call := self.call(pick, is_held_by_a_worker=True):
            self.run(self.world.release(call))

    @rule(pick=PICK)
    def reserve_again(self, pick: int) -> None:
        if call := self.call(pick, is_held_by_a_worker=True):
            self.run(self.world.ask_again(call))

    @rule(worker=PLACE)
    def a_worker_dies(self, worker: int) -> None:
        self.run(self.world.worker_dies(worker))

    @rule(pick=PICK)
    def sweep_the_dead(self, pick: int) -> None:
        if call := self.call(pick, is_dead=True):
            self.run(self.world.sweep(call))

    @rule(pick=PICK)
    def sweep_the_living(self, pick: int) -> None:
        if call := self.call(pick, is_held_by_a_worker=True):
            self.run(self.world.sweep(call))

    @rule(worker=PLACE)
    def a_worker_looks(self, worker: int) -> None:
        self.run(self.world.look(worker))

    @rule()
    def write(self) -> None:
        self.run(self.world.books.write(self.world.customers[0]))

    @rule(count=st.integers(1, 5))
    def a_writer_commits(self, count: int) -> None:
        self.run(self.world.commit(count))

    @precondition(lambda self: self.world.old_acknowledgements)
    @rule(pick=PICK)
    def an_old_acknowledgement_arrives(self, pick: int) -> None:
        old = self.world.old_acknowledgements
        self.run(self.world.acknowledge(old[pick % len(old)]))

    @rule(place=PLACE, amount_mc=st.sampled_from([1, 50, 100, -1, -80]))
    def post(self, place: int, amount_mc: int) -> None:
        self.run(self.world.post(place, amount_mc))

    @rule(place=PLACE, amount_mc=st.sampled_from([1, 50, 100]))
    def grant_credits_that_expire(self, place: int, amount_mc: int) -> None:
        self.run(self.world.grant_until_then(place, amount_mc))

    @rule()
    def expire(self) -> None:
        self.run(self.world.expire())

    @rule(place=PLACE, amount_mc=st.sampled_from([-100, -30, 50]))
    def an_expiry_is_crossed_by_a_posting(self, place: int, amount_mc: int) -> None:
        """What is taken for it is used up, before it is written."""
        self.grant_credits_that_expire(place, 100)
        self.apply_syncs(place)
        self.expire()
        self.post(place, amount_mc)

    @rule(place=PLACE)
    def change_key(self, place: int) -> None:
        self.run(self.world.change_key(place))

    @rule(limit_mc=st.sampled_from([50, 200, 800]))
    def change_limit(self, limit_mc: int) -> None:
        self.run(self.world.change_limit(limit_mc))

    @rule(place=PLACE)
    def apply_syncs(self, place: int) -> None:
        self.run(self.world.books.working_copy.apply_syncs(self.world.customers[place].account_id))

    @rule(place=PLACE)
    def redis_loses_an_account(self, place: int) -> None:
        self.run(self.world.books.lose_account(self.world.customers[place]))

    @rule(place=PLACE)
    def a_rebuild_begins(self, place: int) -> None:
        self.run(self.world.begin_rebuild(place))

    @precondition(lambda self: self.world.rebuilds)
    @rule(pick=PICK)
    def a_rebuild_finishes(self, pick: int) -> None:
        rebuilds = self.world.rebuilds
        self.run(self.world.finish_rebuild(*rebuilds[pick % len(rebuilds)]))

    @rule(
        place=PLACE,
        pick=PICK,
        change=st.sampled_from(["settle", "sweep", "write", "post", "expire"]),
    )
    def a_rebuild_is_crossed(self, place: int, pick: int, change: str) -> None:
        """The account is lost; while a worker rebuilds it, something else happens to it."""
        self.redis_loses_an_account(place)
        self.a_rebuild_begins(place)
        if change == "settle":
            self.settle(pick)
        elif change == "sweep":
            self.sweep_the_dead(pick)
        elif change == "write":
            self.write()
        elif change == "expire":
            self.grant_credits_that_expire(place, 50)
            self.expire()
        else:
            self.post(place, 10)
            self.apply_syncs(place)
        for rebuild in self.world.rebuilds[-1:]:
            self.run(self.world.finish_rebuild(*rebuild))

    @invariant()
    def promises_are_kept(self) -> None:
        self.run(check_step(self.world))

    def teardown(self) -> None:
        self.run(check_at_rest(self.world))


class HoldsWithLosses(Holds):
    """And Redis comes back empty."""

    @rule()
    def redis_loses_everything(self) -> None:
        self.run(self.world.lose_everything())

    @rule(place=PLACE, worker=PLACE, count=st.integers(1, 3))
    def a_loss_crosses_a_write(self, place: int, worker: int, count: int) -> None:
        """A batch is committed, all is lost, calls go on, and only then it is acknowledged."""
        self.a_writer_commits(count)
        self.redis_loses_everything()
        self.serve_a_call(place, worker, (100, 100))
        if self.world.old_acknowledgements:
            self.an_old_acknowledgement_arrives(-1)


class HoldsWithSetBacks(HoldsWithLosses):
    """And a replica takes over that lags."""

    @rule()
    def a_replica_lags_from_here(self) -> None:
        self.run(self.world.take_snapshot())

    @precondition(lambda self: self.world.snapshot)
    @rule()
    def the_replica_takes_over(self) -> None:
        self.run(self.world.set_back())

    @rule(place=PLACE, worker=PLACE, pick=PICK)
    def a_replica_takes_over_that_missed_what_is_written(
        self, place: int, worker: int, pick: int
    ) -> None:
        """Calls began and ended since, and the ledger has them."""
        self.a_replica_lags_from_here()
        self.serve_a_call(place, worker, (100, 100))
        self.settle(pick)
        self.write()
        self.the_replica_takes_over()


@pytest.mark.parametrize("machine", [Holds, HoldsWithLosses, HoldsWithSetBacks])
def test_every_call_is_charged_once_and_redis_agrees_with_the_ledger(
    database_url: str, redis_url: str, machine: type[Holds]
) -> None:
    """G1, G4, G5, G9: at rest each answered call has paid its truth, each dead one its orphan."""
    with asyncio.Runner() as runner:
        opened = open_books(database_url, redis_url)
        books = runner.run(opened.__aenter__())
        try:
            run_state_machine_as_test(partial(machine, runner.run, books), settings=SETTINGS)
        finally:
            runner.run(opened.__aexit__(None, None, None))
