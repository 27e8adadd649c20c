"""The lock that an engine's own processes hold until the last of them is gone."""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager

from deploy.local.errors import StateFolderInUseError
from deploy.local.state_folder import EngineFolder

POLL_INTERVAL_S = 0.02


class EngineLock:
    """A `flock` lock, inherited by the engine, which therefore outlives whoever took it.

    The file says which process started the engine, and which one the engine is: while both live,
    nobody else need wait for the lock.
    """

    def __init__(self, folder: EngineFolder, *, wait_s: float) -> None:
        self._folder = folder
        self._wait_s = wait_s

    @contextmanager
    def taken(self) -> Iterator[int]:
        """Hold the lock, as a descriptor to be passed on to the engine.

        What is left of a killed engine is given `wait_s` to end. Leaving the context closes our
        copy only. Raises StateFolderInUseError.
        """
        descriptor = self._folder.open(self._folder.lock_path)
        try:
            self._take(descriptor)
            os.ftruncate(descriptor, 0)
            yield descriptor
        finally:
            os.close(descriptor)

    @staticmethod
    def record(descriptor: int, engine_process: int) -> None:
        """Write down who holds the lock."""
        os.ftruncate(descriptor, 0)
        os.write(descriptor, f"{os.getpid()} {engine_process}\n".encode())

    def _take(self, descriptor: int) -> None:
        deadline = time.monotonic() + self._wait_s
        while not _try_lock(descriptor):
            owner, engine = _recorded(descriptor)
            if (_is_process(owner) and _is_process(engine)) or time.monotonic() > deadline:
                message = (
                    f"{self._folder.engine} runs already in {self._folder.home} "
                    f"(process {engine}, started by process {owner})"
                )
                raise StateFolderInUseError(message)
            time.sleep(POLL_INTERVAL_S)


def _try_lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _recorded(descriptor: int) -> tuple[int, int]:
    """Read who started the engine, and its process; (0, 0) while it is only being started."""
    words = os.pread(descriptor, 64, 0).split()
    return (int(words[0]), int(words[1])) if len(words) == 2 else (0, 0)


def _is_process(process: int) -> bool:
    if process == 0:
        return False
    try:
        os.kill(process, 0)
    except OSError as error:
        return isinstance(error, PermissionError)  # there, but another account's
    return True
