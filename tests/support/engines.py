"""Real engines for tests."""

import asyncio
import shutil
import tempfile
from collections.abc import Callable, Coroutine, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import TypeVar

import psutil

from deploy.local.postgres import LocalPostgres
from deploy.local.postgres_server import PostgresServer
from deploy.local.valkey import LocalValkey

Result = TypeVar("Result")
Told = TypeVar("Told")

# The shared PostgreSQL is thrown away after the run, so it need not survive anything.
THROWAWAY = {
    "fsync": "off",
    "full_page_writes": "off",
    "synchronous_commit": "off",
    "max_connections": "300",
}


@contextmanager
def reachable_folder() -> Iterator[Path]:
    """Make a folder that root's engines, which run as another account, can pass through."""
    folder = Path(tempfile.mkdtemp(prefix="tollgate-test-"))
    folder.chmod(0o711)
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


@contextmanager
def running_valkey() -> Iterator[LocalValkey]:
    """Run a Valkey in a folder of its own."""
    with reachable_folder() as folder:
        valkey = LocalValkey(folder)
        valkey.start()
        try:
            yield valkey
        finally:
            valkey.stop()


class SharedPostgres:
    """The one PostgreSQL of a test run, started when it is first asked for."""

    def __init__(self) -> None:
        self._open = ExitStack()
        self._engine: LocalPostgres | None = None

    @property
    def server(self) -> PostgresServer:
        """The running engine."""
        if self._engine is None:
            self._engine = LocalPostgres(
                self._open.enter_context(reachable_folder()), settings=THROWAWAY
            )
            self._engine.start()
            self._open.callback(self._engine.stop)
        return self._engine.server

    def stop(self) -> None:
        """Stop the engine, if it was started, and remove its data."""
        self._open.close()
        self._engine = None


def run_apart(work: Coroutine[None, None, Result]) -> Result:
    """Run a coroutine to its end, also where an event loop runs already."""
    with ThreadPoolExecutor(1) as apart:
        return apart.submit(asyncio.run, work).result()


def is_gone(pid: int) -> bool:
    """Whether a process has ended, also where nobody has asked how, as in some containers."""
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def told_of(
    processes: Iterable[psutil.Process], ask: Callable[[psutil.Process], Told]
) -> list[Told]:
    """What processes tell of themselves; engines' helpers come and go, and those that are gone do
    not tell.
    """
    told = []
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            told.append(ask(process))
    return told


def processes_in(folder: Path) -> list[psutil.Process]:
    """Find the processes that live in `folder`: all engines of a state folder do."""
    found = []
    for process in psutil.process_iter():
        try:
            if Path(process.cwd()).is_relative_to(folder):
                found.append(process)
        except (psutil.NoSuchProcess, psutil.AccessDenied, FileNotFoundError):
            continue
    return found
