"""Work that a parent does again and again, between watching over its children."""

import time
from collections.abc import Callable
from typing import Protocol


class Work(Protocol):
    """What is to be done; `is_asked` where a signal asks for it."""

    def __call__(self, *, is_asked: bool) -> None:
        """Do it."""


class RegularWork:
    """Does it every so often, and at once when asked."""

    def __init__(
        self, work: Work, every_s: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._work = work
        self._every_s = every_s
        self._clock = clock
        self._due_at_s = clock() + every_s

    def due_in_s(self) -> float:
        """Seconds until it is due, not below 0."""
        return max(0.0, self._due_at_s - self._clock())

    def do(self, *, is_asked: bool) -> None:
        """Do it, if it is due or somebody has asked for it."""
        if is_asked or self.due_in_s() == 0:
            self._due_at_s = self._clock() + self._every_s
            self._work(is_asked=is_asked)
