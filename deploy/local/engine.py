"""What every local engine does: start under its lock, be watched, stop, leave nothing behind."""

import os
import signal
import time
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from deploy.local.child import Process, end, spawn
from deploy.local.errors import EngineStartError
from deploy.local.lock import EngineLock
from deploy.local.programs import Programs
from deploy.local.state_folder import FALLBACK_HOMES, EngineFolder

POLL_INTERVAL_S = 0.01
LOG_TAIL_BYTES = 2000


@dataclass(frozen=True)
class EngineOptions:
    """How an engine is run. `programs` None: those of the installed package.

    `start_timeout_s` is for recovering and getting ready, `stop_timeout_s` for ending in good
    order. `fallback_homes`: see state_folder.py.
    """

    programs: Programs | None = None
    fallback_homes: Sequence[Path] = FALLBACK_HOMES
    start_timeout_s: float = 60
    stop_timeout_s: float = 20


DEFAULT_OPTIONS = EngineOptions()


@dataclass(frozen=True)
class Launch:
    """What an engine is started with. `lock` is the descriptor that its processes keep open."""

    folder: EngineFolder
    programs: Programs
    lock: int


class Engine(ABC):
    """One engine of one state folder.

    `start` may be called again after the engine died, however it died.
    """

    name: ClassVar[str]
    socket_name: ClassVar[str]
    # Sent one after the other, each rougher than the one before, to end the engine.
    stop_signals: ClassVar[Sequence[signal.Signals]]

    def __init__(self, state_dir: Path, options: EngineOptions = DEFAULT_OPTIONS) -> None:
        self._state_dir = state_dir.absolute()
        self._options = options
        self._process: Process | None = None

    @property
    def folder(self) -> EngineFolder:
        """Where the engine keeps its things, also as seen from a process that did not start it."""
        return EngineFolder.find(self._state_dir, self.name, self.socket_name)

    @property
    def pid(self) -> int | None:
        """The engine's main process, if we started one."""
        return None if self._process is None else self._process.pid

    def is_alive(self) -> bool:
        """Say whether the process that we started still runs."""
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Start the engine and wait until it accepts connections.

        Raises EngineError: StateFolderInUseError if the engine runs already, whoever started it;
        EngineStartError, naming the log, if it does not get ready.
        """
        folder = EngineFolder.prepare(
            self._state_dir, self.name, self.socket_name, self._options.fallback_homes
        )
        with self._lock(folder).taken() as lock:
            programs = self._options.programs or self._find_programs()
            programs = programs.readable_by(folder.account, folder.home / "programs")
            launch = Launch(folder, programs, lock)
            self._make_ready_to_start(launch)
            folder.remove_socket()
            folder.make_socket_folder()
            self._process = self._spawn(launch, self._command(launch), self.stop_signals[0])
            EngineLock.record(lock, self._process.pid)
        try:
            self._wait_until_ready(folder, self._process)
            self._set_up(folder)
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """End the engine in good order, by force if need be, and wait until all of it is gone."""
        if self._process is None:
            return
        end(self._process, self.stop_signals, self._options.stop_timeout_s)
        self._process = None
        folder = self.folder
        with self._lock(folder).taken():
            folder.remove_socket()

    @abstractmethod
    def _find_programs(self) -> Programs: ...

    @abstractmethod
    def _make_ready_to_start(self, launch: Launch) -> None:
        """Make what a first start needs; remove what stands in the way of a later one."""

    @abstractmethod
    def _command(self, launch: Launch) -> Sequence[str | Path]: ...

    @abstractmethod
    def _is_ready(self, folder: EngineFolder) -> bool: ...

    @abstractmethod
    def _set_up(self, folder: EngineFolder) -> None:
        """Do what is left to be done once the engine accepts connections."""

    def _lock(self, folder: EngineFolder) -> EngineLock:
        return EngineLock(folder, wait_s=self._options.stop_timeout_s)

    def _spawn(
        self, launch: Launch, command: Sequence[str | Path], signal_at_our_death: signal.Signals
    ) -> Process:
        folder = launch.folder
        log = folder.open(folder.log_path)
        try:
            return spawn(
                command,
                folder=folder.path,
                account=folder.account,
                log=log,
                lock=launch.lock,
                signal_at_our_death=signal_at_our_death,
            )
        finally:
            os.close(log)

    def _wait_until_ready(self, folder: EngineFolder, process: Process) -> None:
        deadline = time.monotonic() + self._options.start_timeout_s
        while not self._is_ready(folder):
            status = process.poll()
            if status is not None:
                raise EngineStartError(story(folder, f"ended with status {status}"))
            if time.monotonic() > deadline:
                what = f"was not ready after {self._options.start_timeout_s} s"
                raise EngineStartError(story(folder, what))
            time.sleep(POLL_INTERVAL_S)


def story(folder: EngineFolder, what: str) -> str:
    """Say what happened to an engine, and what it said itself."""
    tail = folder.log_path.read_bytes()[-LOG_TAIL_BYTES:].decode(errors="replace")
    return f"{folder.engine} {what}; the end of its log {folder.log_path}:\n{tail}"
