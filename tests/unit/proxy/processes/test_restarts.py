"""When something that died is started again."""

import pytest

from proxy.processes.restarts import LONGEST_PAUSE_S, STEADY_S, Watched, next_pause_s


class FakeRunnable:
    name = "worker"
    pid = 1

    def __init__(self) -> None:
        self.alive = False

    def start(self) -> None:
        self.alive = True

    def is_alive(self) -> bool:
        return self.alive


class FakeClock:
    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


@pytest.mark.parametrize(
    ("pause_s", "lived_s", "expected_s"),
    [
        (None, 0, 0),
        (None, STEADY_S, 0),
        (0, 0, 0.25),
        (0.25, 0, 0.5),
        (4, STEADY_S - 1, LONGEST_PAUSE_S),
        (LONGEST_PAUSE_S, 0, LONGEST_PAUSE_S),
        (LONGEST_PAUSE_S, STEADY_S, 0),
    ],
)
def test_pauses_grow_while_it_keeps_dying_and_begin_anew_after_it_lived(
    pause_s: float | None, lived_s: float, expected_s: float
) -> None:
    """At once the first time; never longer than a bound."""
    assert next_pause_s(pause_s, lived_s) == expected_s


def test_a_death_is_noted_once_and_the_start_is_due_after_the_pause() -> None:
    """A pause is waited out, not added to."""
    clock, runnable = FakeClock(), FakeRunnable()
    watched = Watched(runnable, clock)
    watched.start()
    assert (watched.has_died(), watched.due_in_s()) == (False, None)
    for expected_s in (0, 0.25):
        runnable.alive = False
        assert watched.has_died()
        assert watched.note_death() == expected_s
        assert not watched.has_died()
        assert watched.due_in_s() == expected_s
        clock.now_s += expected_s
        assert watched.due_in_s() == 0
        watched.start()
        assert watched.due_in_s() is None


@pytest.mark.parametrize(("lived_s", "never"), [(STEADY_S - 1, True), (STEADY_S, False)])
def test_what_once_ran_for_long_has_run_well_for_ever(lived_s: float, *, never: bool) -> None:
    """A configuration that goes bad later must not stop those that still run with a good one."""
    clock, runnable = FakeClock(), FakeRunnable()
    watched = Watched(runnable, clock)
    watched.start()
    clock.now_s += lived_s
    watched.note_death()
    watched.start()
    watched.note_death()
    assert watched.has_never_run_well is never
