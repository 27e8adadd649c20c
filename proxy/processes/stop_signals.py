"""The signals to a parent, noted: to stop, to read anew; and a wait that they, and deaths, end."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from queue import Empty, SimpleQueue
from types import FrameType, TracebackType
from typing import Any, Self

from proxy.processes.terminal import Hangups

_STOPS = (signal.SIGTERM, signal.SIGINT)


class StopRequested(KeyboardInterrupt):
    """Somebody wants this process to stop, in good order.

    A KeyboardInterrupt, so that no handler of errors on its way takes it for one.
    """


class StopSignals:
    """Counts SIGTERM and SIGINT, and is woken by them, by SIGHUP and by the death of a child.

    SIGHUP asks for the configuration to be read anew; where it comes because the terminal was
    closed, it stops like the others. A context manager, for the main thread. While it is open none
    of these signals ends the process by itself.
    """

    def __init__(self) -> None:
        self.count = 0
        self._is_asked_to_read = False
        self._hangups = Hangups()
        self._events: SimpleQueue[None] = SimpleQueue()  # its put() may be used by a handler
        self._raises = False
        self._previous: dict[signal.Signals, Any] = {}

    def __enter__(self) -> Self:
        handlers = {
            **dict.fromkeys(_STOPS, self._on_stop),
            signal.SIGHUP: self._on_hangup,
            signal.SIGCHLD: self._on_death,
        }
        for number, handler in handlers.items():
            self._previous[number] = signal.signal(number, handler)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for number, handler in self._previous.items():
            signal.signal(number, handler)

    def wait(self, timeout_s: float | None) -> None:
        """Return when a signal came or a child died, at the latest after `timeout_s`.

        What came since the last wait counts. There may be no new reason: look at what changed.
        """
        try:
            self._events.get(timeout=timeout_s)
            while True:
                self._events.get_nowait()
        except Empty:
            return

    def raise_if_stopping(self) -> None:
        """Raises StopRequested once a signal came."""
        if self.count:
            raise StopRequested

    @contextmanager
    def interrupting(self) -> Iterator[None]:
        """A block that the first signal breaks off, by StopRequested, wherever it is."""
        self._raises = True
        try:
            self.raise_if_stopping()
            yield
        finally:
            self._raises = False

    def take_request_to_read(self) -> bool:
        """Whether SIGHUP has asked for the configuration to be read since this was called last."""
        is_asked, self._is_asked_to_read = self._is_asked_to_read, False
        return is_asked

    def _on_hangup(self, number: int, frame: FrameType | None) -> None:
        if self._hangups.is_the_end():
            self._on_stop(number, frame)
        else:
            self._is_asked_to_read = True
            self._events.put(None)

    def _on_stop(self, _: int, __: FrameType | None) -> None:
        self.count += 1
        self._events.put(None)
        if self._raises:
            self._raises = False  # what cleans up is not broken off as well
            raise StopRequested

    def _on_death(self, _: int, __: FrameType | None) -> None:
        self._events.put(None)
