"""SIGHUP: an operator wants the rates read; or the terminal was closed, and all is to end."""

import os
import pty
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.engine_checks import eventually

PROGRAM = """
import signal, sys
import structlog
from proxy.processes.stop_signals import StopRequested, StopSignals
from proxy.processes.supervisor import Supervisor

def note(*, is_asked):
    if is_asked:
        open(sys.argv[1], "a").write("read ")

# Whoever runs the tests may themselves have been started by nohup.
signal.signal(signal.SIGHUP, signal.SIG_IGN if "nohup" in sys.argv else signal.SIG_DFL)
with StopSignals() as signals:
    with Supervisor(signals, structlog.get_logger()) as supervisor:
        supervisor.repeat(note, 60)
        open(sys.argv[1], "a").write("ready ")
        try:
            supervisor.run()
        except StopRequested:
            open(sys.argv[1], "a").write("stopped ")
"""


class Parent:
    """A parent without children, in a terminal of its own or in none."""

    def __init__(self, diary: Path, *options: str, in_terminal: bool) -> None:
        self._diary = diary
        diary.touch()
        command = [sys.executable, "-c", PROGRAM, str(diary), *options]
        root = Path(__file__).parents[2]
        self.terminal: int | None = None
        self.has_ended = False
        if in_terminal:
            pid, self.terminal = pty.fork()
            if pid == 0:
                os.chdir(root)
                os.execv(sys.executable, command)
            self.pid = pid
        else:
            process = subprocess.Popen(command, cwd=root, start_new_session=True)
            self.pid = process.pid

    def has_noted(self, *words: str) -> None:
        """Waits until this, and nothing else, has happened."""
        eventually(lambda: self._diary.read_text().split() == list(words))

    def send(self, number: signal.Signals) -> None:
        os.kill(self.pid, number)

    def end(self) -> int:
        """Waits for its end; its status."""
        _, status = os.waitpid(self.pid, 0)
        self.has_ended = True
        return os.waitstatus_to_exitcode(status)

    def close_terminal(self) -> None:
        assert self.terminal is not None
        os.close(self.terminal)
        self.terminal = None


@pytest.fixture
def parents() -> Iterator[list[Parent]]:
    """Parents that have ended when the test is over."""
    started: list[Parent] = []
    yield started
    for parent in started:
        if not parent.has_ended:
            parent.send(signal.SIGTERM)
            assert parent.end() == 0


def test_sighup_asks_for_the_rates_to_be_read(parents: list[Parent], tmp_path: Path) -> None:
    """Rates: at once, each time, and nothing stops; with a terminal or without."""
    for in_terminal in (False, True):
        parent = Parent(tmp_path / f"diary-{in_terminal}", in_terminal=in_terminal)
        parents.append(parent)
        parent.has_noted("ready")
        parent.send(signal.SIGHUP)
        parent.has_noted("ready", "read")
        parent.send(signal.SIGHUP)
        parent.has_noted("ready", "read", "read")


def test_a_terminal_that_is_closed_ends_what_runs_in_it(
    parents: list[Parent], tmp_path: Path
) -> None:
    """Ctrl-C and closing the window are the same wish."""
    parent = Parent(tmp_path / "diary", in_terminal=True)
    parents.append(parent)
    parent.has_noted("ready")
    parent.close_terminal()
    assert parent.end() == 0
    parent.has_noted("ready", "stopped")


def test_what_was_started_by_nohup_outlives_its_terminal(
    parents: list[Parent], tmp_path: Path
) -> None:
    """nohup: SIGHUP never stops it; it can still be asked to read."""
    parent = Parent(tmp_path / "diary", "nohup", in_terminal=True)
    parents.append(parent)
    parent.has_noted("ready")
    parent.close_terminal()
    parent.has_noted("ready", "read")
    parent.send(signal.SIGHUP)
    parent.has_noted("ready", "read", "read")
