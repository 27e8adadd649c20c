"""A parent that keeps real processes running, and stops them in order."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.support.engine_checks import eventually
from tests.support.engines import is_gone
from tests.support.supervisor_owner import Described
from tests.support.waiting import PATIENCE_S

WORKERS: Described = {"children": {"worker-1": [], "worker-2": []}, "stop_timeout_s": 60}
WRITER: Described = {"children": {"writer": []}, "stop_timeout_s": 60, "patience": 3}


class Family:
    """A parent with its children, as its diary tells of them."""

    def __init__(self, folder: Path, stages: list[Described]) -> None:
        self._diary = folder / "diary"
        self._diary.touch()
        arguments = [str(self._diary), str(folder / "state"), json.dumps(stages)]
        self.parent = subprocess.Popen(
            [sys.executable, "-m", "tests.support.supervisor_owner", *arguments],
            stderr=subprocess.PIPE,
            text=True,
            cwd=Path(__file__).parents[2],
        )

    def events(self) -> list[str]:
        """What has happened: `worker-1 start`, …"""
        return [line.rpartition(" ")[0] for line in self._diary.read_text().splitlines()]

    def pids(self, event: str) -> list[int]:
        """The processes of which an event tells, in order."""
        lines = (line.rpartition(" ") for line in self._diary.read_text().splitlines())
        return [int(pid) for told, _, pid in lines if told == event]

    def pid(self, name: str) -> int:
        """The process that runs under this name."""
        return self.pids(f"{name} start")[-1]

    def wait_for(self, event: str, times: int = 1) -> None:
        """Wait until an event has happened so many times."""
        eventually(lambda: self.events().count(event) >= times)

    def end(self) -> tuple[int, str]:
        """Wait for the parent's end: its status, and all it said."""
        _, said = self.parent.communicate(timeout=PATIENCE_S)
        return self.parent.returncode, said

    def stop(self) -> tuple[int, str]:
        """Ask the parent to end, and wait."""
        self.parent.send_signal(signal.SIGTERM)
        return self.end()


StartFamily = Callable[..., Family]


@pytest.fixture
def start_family(engine_folder: Path) -> Iterator[StartFamily]:
    """Start a parent and wait until all its stages are started; none of it outlives the test."""
    started: list[Family] = []

    def start(*stages: Described) -> Family:
        family = Family(engine_folder, list(stages))
        started.append(family)
        family.wait_for("all started")
        for described in stages:
            if not isinstance(described, str):
                for name in described["children"]:
                    family.wait_for(f"{name} start")
        return family

    yield start
    for family in started:
        family.parent.kill()
        for process in named_in_commands(engine_folder):
            process.kill()
        family.parent.communicate()


def named_in_commands(folder: Path) -> list[psutil.Process]:
    """The processes that were started to work in a folder."""
    found = psutil.process_iter(["cmdline"])
    return [process for process in found if str(folder) in " ".join(process.info["cmdline"] or ())]


def are_gone(pids: list[int]) -> bool:
    return all(is_gone(pid) for pid in pids)


def logged(said: str, event: str) -> list[dict[str, Any]]:
    lines = (json.loads(line) for line in said.splitlines() if line.startswith("{"))
    return [line for line in lines if line["event"] == event]


def test_a_killed_child_is_started_again_and_the_others_live_on(start_family: StartFamily) -> None:
    """G5: kill -9 of a worker; a structured line tells of it."""
    family = start_family(WRITER, WORKERS)
    killed, others = family.pid("worker-1"), [family.pid("worker-2"), family.pid("writer")]
    os.kill(killed, signal.SIGKILL)
    family.wait_for("worker-1 start", times=2)
    assert family.pid("worker-1") != killed
    assert [family.pid("worker-2"), family.pid("writer")] == others
    status, said = family.stop()
    assert status == 0
    [died] = logged(said, "died")
    assert (died["child"], died["pid"], died["status"]) == ("worker-1", killed, -signal.SIGKILL)
    assert died["restart_in_s"] == 0
    assert [line["child"] for line in logged(said, "restarted")] == ["worker-1"]


def test_a_killed_engine_is_started_again(start_family: StartFamily) -> None:
    """G5: kill -9 of Valkey."""
    family = start_family("valkey", WORKERS)
    os.kill(family.pid("valkey"), signal.SIGKILL)
    family.wait_for("valkey start", times=2)
    status, said = family.stop()
    assert status == 0
    assert [line["child"] for line in logged(said, "restarted")] == ["valkey"]
    assert family.events()[-1] == "valkey stop"


def test_a_child_that_keeps_dying_is_started_after_growing_pauses(
    start_family: StartFamily,
) -> None:
    """It is never given up, and takes no processor from those that live."""
    family = start_family(WRITER, {"children": {"worker": ["exit=1"]}, "stop_timeout_s": 60})
    family.wait_for("worker start", times=4)
    status, said = family.stop()
    pauses_s = [line["restart_in_s"] for line in logged(said, "died")]
    assert status == 0
    assert pauses_s[:3] == [0, 0.25, 0.5]
    assert family.events().count("writer start") == 1


def test_stages_stop_in_the_opposite_order_of_their_start(start_family: StartFamily) -> None:
    """Calls end while there is still a writer; the writer writes while there are still engines."""
    provider = {"children": {"provider": []}, "stop_timeout_s": 60}
    slow_workers = {"children": {"worker-1": ["slow=0.5"], "worker-2": []}, "stop_timeout_s": 60}
    family = start_family("valkey", WRITER, provider, slow_workers)
    status, said = family.stop()
    stops = [event for event in family.events() if event.endswith("stop")]
    assert status == 0
    assert sorted(stops[:2]) == ["worker-1 stop", "worker-2 stop"]
    assert stops[2:] == ["provider stop", "writer stop", "valkey stop"]
    assert logged(said, "died") == []
    assert are_gone([family.pid(name) for name in ("worker-1", "provider", "writer", "valkey")])


def test_nothing_is_started_again_while_all_stops(start_family: StartFamily) -> None:
    """What dies then is not needed any more."""
    workers = {"children": {"worker-1": ["slow=1"], "worker-2": []}, "stop_timeout_s": 60}
    family = start_family(WRITER, workers)
    family.parent.send_signal(signal.SIGTERM)
    family.wait_for("worker-2 stop")
    os.kill(family.pid("writer"), signal.SIGKILL)
    status, _ = family.end()
    assert status == 0
    assert family.events().count("writer start") == 1


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_second_signal_ends_the_waiting_for_calls_and_engines_still_stop_well(
    start_family: StartFamily, number: signal.Signals
) -> None:
    """Ctrl-C twice: workers are killed; writer and engines end in good order all the same."""
    workers = {"children": {"worker-1": ["deaf"], "worker-2": []}, "stop_timeout_s": 60}
    family = start_family("valkey", WRITER, workers)
    family.parent.send_signal(number)
    family.wait_for("worker-2 stop")
    family.parent.send_signal(number)
    status, said = family.end()
    assert status == 0
    # worker-2 has said that it stops; the second signal may still meet it
    assert "worker-1" in [line["child"] for line in logged(said, "child_killed")]
    assert family.events()[-2:] == ["writer stop", "valkey stop"]
    assert are_gone([family.pid("worker-1")])


def test_a_child_that_does_not_stop_in_time_is_killed(start_family: StartFamily) -> None:
    """The parent ends within a set time."""
    family = start_family({"children": {"worker": ["deaf"]}, "stop_timeout_s": 0.2})
    status, said = family.stop()
    assert status == 0
    assert [line["child"] for line in logged(said, "child_killed")] == ["worker"]
    assert are_gone([family.pid("worker")])


def test_a_child_that_can_never_run_stops_all_with_its_status(start_family: StartFamily) -> None:
    """A bad rate table is told once, not for ever; the parent's end says that it is no good."""
    # Its end stops the writer, which has to live by then to say anything.
    habits = ["after=writer", f"exit={os.EX_CONFIG}"]
    hopeless = {"children": {"worker": habits}, "stop_timeout_s": 60}
    family = start_family("valkey", WRITER, hopeless)
    status, said = family.end()
    assert status == os.EX_CONFIG
    assert "worker gives up with 78" in said
    assert "Error: worker cannot start" in said
    assert family.events().count("worker start") == 1
    assert family.events()[-2:] == ["writer stop", "valkey stop"]


def test_nothing_outlives_a_killed_parent(start_family: StartFamily) -> None:
    """G5: kill -9 of the parent: its children are told, and end in good order."""
    family = start_family("valkey", WRITER, WORKERS)
    pids = [family.pid(name) for name in ("valkey", "writer", "worker-1", "worker-2")]
    family.parent.kill()
    family.end()
    eventually(lambda: are_gone(pids))
    assert {"writer stop", "worker-1 stop", "worker-2 stop"} <= set(family.events())


def test_a_terminals_ctrl_c_reaches_the_parent_only(start_family: StartFamily) -> None:
    """Children are stopped in order, not all at once: each has a session of its own."""
    family = start_family(WRITER, WORKERS)
    pids = [family.pid(name) for name in ("writer", "worker-1", "worker-2")]
    assert [os.getsid(pid) for pid in pids] == pids
