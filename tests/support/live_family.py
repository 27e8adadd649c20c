"""The processes of a running `tollgate up`, by what they do; and how to harm them."""

import json
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import psutil

from tests.support.up import Up

Finder = Callable[[Up], list[psutil.Process]]

# What a log must never say, whatever was killed.
_ALARMING_EVENTS = ("unexpected_error", "record_rejected", "database_error")
_ALARMING_TEXTS = (
    *("Traceback", "never retrieved", "never awaited", "was destroyed but"),
    *(f'"event":"{event}"' for event in _ALARMING_EVENTS),
)


def workers(up: Up) -> list[psutil.Process]:
    """The serving processes."""
    return _children(up, lambda command: "serve-worker" in command)


def writers(up: Up) -> list[psutil.Process]:
    """The writer."""
    return _children(up, lambda command: command[-2:] == ["proxy.cli", "writer"])


def valkeys(up: Up) -> list[psutil.Process]:
    """The Valkey."""
    return _children(up, lambda command: "valkey-server" in command[0])


def postgres_mains(up: Up) -> list[psutil.Process]:
    """The PostgreSQL's main process; its other ones are its children."""
    return _children(up, lambda command: command[0].endswith("/postgres"))


@contextmanager
def frozen(processes: list[psutil.Process]) -> Iterator[None]:
    """Processes that neither work nor end, like those of a machine that hangs."""
    _signal(processes, signal.SIGSTOP)
    try:
        yield
    finally:
        _signal(processes, signal.SIGCONT)


def kill_all(up: Up) -> None:
    """End everything at once, the parent first, as a power failure would."""
    parent = psutil.Process(up.process.pid)
    _signal([parent, *parent.children(recursive=True)], signal.SIGKILL)
    up.process.wait()


def logged(said: str, event: str) -> list[dict[str, Any]]:
    """The log lines of one event."""
    return [line for line in _lines(said) if line["event"] == event]


def alarms(said: str) -> list[str]:
    """Lines of a log that no death of a process excuses."""
    return [
        line
        for line in said.splitlines()
        if any(text in line for text in _ALARMING_TEXTS) and not _is_asyncpgs(line)
    ]


def _signal(processes: list[psutil.Process], number: signal.Signals) -> None:
    for process in processes:
        with suppress(psutil.NoSuchProcess):  # the engines' helpers come and go
            process.send_signal(number)


def _is_asyncpgs(line: str) -> bool:
    """Whether it is of a future that asyncpg forgets where a connection breaks in a COPY."""
    return "never retrieved" in line and "exception=ConnectionDoesNotExistError" in line


def _lines(said: str) -> Iterator[dict[str, Any]]:
    for line in said.splitlines():
        # kill -9 can cut a line at the end of a memory page; the next one follows right on it.
        with suppress(json.JSONDecodeError):
            if line.startswith("{"):
                yield json.loads(line)


def _children(up: Up, is_wanted: Callable[[list[str]], bool]) -> list[psutil.Process]:
    found = []
    for process in psutil.Process(up.process.pid).children():
        try:
            if is_wanted(process.cmdline()):
                found.append(process)
        except (psutil.NoSuchProcess, IndexError):  # it is ending, or is only being started
            continue
    return found
