"""Keeps children and engines running, and stops them in order: the parent of every process."""

import os
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from types import TracebackType
from typing import Protocol, Self

from structlog.typing import FilteringBoundLogger

from deploy.local.engine import Engine
from deploy.local.errors import EngineError
from proxy.processes.child_process import ChildProcess
from proxy.processes.regular_work import RegularWork, Work
from proxy.processes.restarts import Runnable, Watched
from proxy.processes.stop_signals import StopSignals

POLL_S = 0.05
EX_CONFIG = os.EX_CONFIG


class CannotStartError(Exception):
    """A child says that it can never run, as things are; it has said why itself."""


class NotReadyError(Exception):
    """Something did not come true in time."""


class Stage(Protocol):
    """What is started, and stopped, together."""

    @property
    def members(self) -> Sequence[Runnable]:
        """What is watched, one by one."""

    def stop(self, signals: StopSignals, log: FilteringBoundLogger) -> None:
        """Stop all members and wait until they are gone."""


class EngineStage:
    """One engine. It stops as its data want it, however many signals come."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    @property
    def members(self) -> Sequence[Runnable]:
        """The engine."""
        return [self._engine]

    def stop(self, _: StopSignals, __: FilteringBoundLogger) -> None:
        """Stop the engine."""
        self._engine.stop()


class ChildrenStage:
    """Children that are asked to stop together, and killed when they take too long.

    `stop_timeout_s` is how long they get; with the signal number `patience` it is over, too.
    `before_stop` is called first.
    """

    def __init__(
        self,
        children: Sequence[ChildProcess],
        *,
        stop_timeout_s: float,
        patience: int = 2,
        before_stop: Callable[[], None] | None = None,
    ) -> None:
        self.members = children
        self._stop_timeout_s = stop_timeout_s
        self._patience = patience
        self._before_stop = before_stop

    def stop(self, signals: StopSignals, log: FilteringBoundLogger) -> None:
        """SIGTERM, and SIGKILL for those that are left in the end."""
        if self._before_stop is not None:
            self._before_stop()
        for child in self.members:
            child.terminate()
        deadline = time.monotonic() + self._stop_timeout_s
        while self._running() and signals.count < self._patience:
            left_s = deadline - time.monotonic()
            if left_s <= 0:
                break
            signals.wait(left_s)
        for child in self._running():
            log.warning("child_killed", child=child.name, pid=child.pid)
            child.kill()

    def _running(self) -> list[ChildProcess]:
        return [child for child in self.members if child.is_alive()]


class Supervisor:
    """Starts stages one after the other, and starts again what dies of them.

    A context manager: leaving it stops the stages, the last one first, and starts nothing again.
    For the main thread only.
    """

    def __init__(self, signals: StopSignals, log: FilteringBoundLogger) -> None:
        self._signals = signals
        self._log = log
        self._stages: list[Stage] = []
        self._watched: list[Watched] = []
        self._work: list[RegularWork] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        with ExitStack() as stopping:  # one that cannot be stopped does not keep the others
            for stage in self._stages:
                stopping.callback(stage.stop, self._signals, self._log)

    def start(self, stage: Stage) -> None:
        """Start all members of a stage, to be watched and stopped from now on.

        Raises:
            StopRequested: a signal came.
            EngineError, OSError: one cannot be started.
        """
        self._stages.append(stage)
        for member in stage.members:
            watched = Watched(member)
            with self._signals.interrupting():
                watched.start()
            self._watched.append(watched)
            self._log.debug("started", child=member.name, pid=member.pid)

    def repeat(self, work: Work, every_s: float) -> None:
        """Do this, too, every so often while watching, and at once when SIGHUP asks for it."""
        self._work.append(RegularWork(work, every_s))

    def run(self) -> None:
        """Watch, until an exception ends it.

        Raises:
            StopRequested: a signal came.
            CannotStartError: a child that never ran for long has ended with EX_CONFIG.
        """
        while True:
            self._step(None)

    def wait_for(self, holds: Callable[[], bool], *, timeout_s: float) -> None:
        """Watch until something holds.

        Raises:
            NotReadyError: it does not hold in time.
            StopRequested, CannotStartError: as for `run`.
        """
        deadline = time.monotonic() + timeout_s
        while not holds():
            if time.monotonic() > deadline:
                raise NotReadyError
            self._step(POLL_S)

    def _step(self, wait_s: float | None) -> None:
        self._signals.raise_if_stopping()
        for watched in self._watched:
            if watched.has_died():
                self._note_death(watched)
        for watched in self._watched:
            if watched.due_in_s() == 0:
                self._start_again(watched)
        is_asked = self._signals.take_request_to_read()
        for work in self._work:
            work.do(is_asked=is_asked)
        restarts = [watched.due_in_s() for watched in self._watched]
        work_s = [work.due_in_s() for work in self._work]
        waits = [pause_s for pause_s in (*restarts, *work_s, wait_s) if pause_s is not None]
        self._signals.wait(min(waits, default=None))

    def _note_death(self, watched: Watched) -> None:
        died = watched.runnable
        status = died.exit_status if isinstance(died, ChildProcess) else None
        pause_s = watched.note_death()
        if status == EX_CONFIG and watched.has_never_run_well:
            raise CannotStartError(died.name)
        self._log.error(
            "died", child=died.name, pid=died.pid, status=status, restart_in_s=round(pause_s, 3)
        )

    def _start_again(self, watched: Watched) -> None:
        dead = watched.runnable
        try:
            with self._signals.interrupting():
                watched.start()
        except (EngineError, OSError) as error:
            pause_s = round(watched.note_death(), 3)
            reason = str(error)
            self._log.error("cannot_restart", child=dead.name, reason=reason, restart_in_s=pause_s)
            return
        self._log.info("restarted", child=dead.name, pid=dead.pid)
