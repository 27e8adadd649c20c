"""A parent process: `python -m tests.support.supervisor_owner DIARY STATE STAGES`.

STAGES is JSON: a list, in the order of starting, of `"valkey"` (a real one, in the folder STATE) or
`{"children": {name: [habit, …]}, …}` with the keyword arguments of ChildrenStage. The engine notes
its starts and stops in the diary, too; so does this process, once all are started: `all started`.
"""

import json
import os
from pathlib import Path
from typing import Any

import click
import structlog

from deploy.local.valkey import LocalValkey
from proxy.cli.ending import explained_end
from proxy.logs import configure_logs
from proxy.processes.child_process import ChildPlan, ChildProcess
from proxy.processes.stop_signals import StopSignals
from proxy.processes.supervisor import ChildrenStage, EngineStage, Stage, Supervisor

Described = str | dict[str, Any]


class NotedValkey(LocalValkey):
    """A Valkey whose starts and stops are noted."""

    def __init__(self, state: Path, diary: Path) -> None:
        super().__init__(state)
        self._diary = diary

    def start(self) -> None:
        super().start()
        note(self._diary, f"valkey start {self.pid}")

    def stop(self) -> None:
        pid, was_alive = self.pid, self.is_alive()
        super().stop()
        if was_alive:
            note(self._diary, f"valkey stop {pid}")


@click.command()
@click.argument("diary", type=click.Path(path_type=Path))
@click.argument("state", type=click.Path(path_type=Path))
@click.argument("stages", type=json.loads)
def main(diary: Path, state: Path, stages: list[Described]) -> None:
    """Supervise until a signal comes."""
    configure_logs()
    log = structlog.get_logger("supervisor")
    with explained_end(), StopSignals() as signals, Supervisor(signals, log) as supervisor:
        for described in stages:
            supervisor.start(stage(described, diary, state))
        note(diary, f"all started {os.getpid()}")
        supervisor.run()


def stage(described: Described, diary: Path, state: Path) -> Stage:
    """Make one stage."""
    if isinstance(described, str):
        return EngineStage(NotedValkey(state, diary))
    children = [
        ChildProcess(
            ChildPlan(
                name=name,
                module="tests.support.fake_child",
                arguments=[name, str(diary), *habits],
                environment=dict(os.environ),
            )
        )
        for name, habits in described.pop("children").items()
    ]
    return ChildrenStage(children, **described)


def note(diary: Path, line: str) -> None:
    """Add a line to the diary."""
    with diary.open("a") as file:
        file.write(f"{line}\n")


if __name__ == "__main__":
    main()
