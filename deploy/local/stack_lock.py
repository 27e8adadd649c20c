"""One `tollgate up` at a time in a state folder."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from deploy.local.errors import StateFolderError, StateFolderInUseError

NAME = "up.lock"


@contextmanager
def stack_lock(state_dir: Path) -> Iterator[None]:
    """Hold the state folder's lock. However this process ends, the lock ends with it.

    Raises:
        StateFolderInUseError: another process has it.
        StateFolderError: the lock's file cannot be written.
    """
    flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        descriptor = os.open(state_dir / NAME, flags, 0o600)
    except OSError as error:
        message = f"cannot write the state folder {state_dir}: {error.strerror}"
        raise StateFolderError(message) from error
    try:
        _take(descriptor, state_dir)
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        yield
    finally:
        os.close(descriptor)


def _take(descriptor: int, state_dir: Path) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        owner = os.pread(descriptor, 32, 0).decode().strip() or "unknown"
        message = (
            f"Tollgate runs already in {state_dir} (process {owner}); "
            "set TOLLGATE_STATE_DIR and TOLLGATE_PORT to run another one"
        )
        raise StateFolderInUseError(message) from None
