"""When something that died is started again: at once, then after pauses that grow."""

import time
from collections.abc import Callable
from typing import Protocol

STEADY_S = 10.0
FIRST_PAUSE_S = 0.25
LONGEST_PAUSE_S = 8.0


class Runnable(Protocol):
    """Something that runs beside us: a child, or an engine."""

    @property
    def name(self) -> str:
        """What logs call it."""

    @property
    def pid(self) -> int | None:
        """Its process; None where none was started."""

    def start(self) -> None:
        """Start it, also after it died."""

    def is_alive(self) -> bool:
        """Whether it runs."""


def next_pause_s(pause_s: float | None, lived_s: float) -> float:
    """The pause before the next start; `pause_s` was the one before the start that has failed."""
    if pause_s is None or lived_s >= STEADY_S:
        return 0.0
    return min(max(FIRST_PAUSE_S, 2 * pause_s), LONGEST_PAUSE_S)


class Watched:
    """Something that is to run for ever, and when it is to be started again."""

    def __init__(self, runnable: Runnable, clock: Callable[[], float] = time.monotonic) -> None:
        self.runnable = runnable
        self._clock = clock
        self._started_at_s = clock()
        self._pause_s: float | None = None
        self._due_at_s: float | None = None
        self._was_steady = False

    def start(self) -> None:
        """Start it now. Raises whatever its own start raises; then it counts as dead."""
        self._due_at_s = None
        self._started_at_s = self._clock()
        self.runnable.start()

    def has_died(self) -> bool:
        """Whether it has died, and that was not noted yet."""
        return self._due_at_s is None and not self.runnable.is_alive()

    def note_death(self) -> float:
        """Plan the next start; returns the pause before it, in seconds."""
        now_s = self._clock()
        lived_s = now_s - self._started_at_s
        self._was_steady = self._was_steady or lived_s >= STEADY_S
        self._pause_s = next_pause_s(self._pause_s, lived_s)
        self._due_at_s = now_s + self._pause_s
        return self._pause_s

    @property
    def has_never_run_well(self) -> bool:
        """Whether every start so far was followed by a death soon after."""
        return not self._was_steady

    def due_in_s(self) -> float | None:
        """Seconds until the next start, not below 0; None where none is planned."""
        return None if self._due_at_s is None else max(0.0, self._due_at_s - self._clock())
