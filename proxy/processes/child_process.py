"""A child of ours: a Python module that runs as a process beside us, and never outlives us."""

import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from deploy.local.child import dying_with_us


@dataclass(frozen=True)
class ChildPlan:
    """How to start a child.

    `module` is run with `arguments` in exactly `environment`; `descriptors` stay open in it under
    their numbers. It speaks to our standard error, or else into the file `log_path`.
    """

    name: str
    module: str
    arguments: Sequence[str]
    environment: Mapping[str, str]
    descriptors: Sequence[int] = ()
    log_path: Path | None = None


class ChildProcess:
    """One child after the other, each by the same plan. For the main thread only: where the
    thread that started a child ends, Linux tells the child that its parent died.
    """

    def __init__(self, plan: ChildPlan) -> None:
        self._plan = plan
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def name(self) -> str:
        """What logs call it."""
        return self._plan.name

    @property
    def pid(self) -> int | None:
        """The last child's process id; None before the first start."""
        return None if self._process is None else self._process.pid

    @property
    def exit_status(self) -> int | None:
        """How the last child ended: its status, or minus a signal's number. None: it has not."""
        return None if self._process is None else self._process.poll()

    def is_alive(self) -> bool:
        """Whether a child runs."""
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Start a child, in a session of its own: a terminal's Ctrl-C reaches it by us only.

        Raises:
            OSError: it cannot be started, or its log cannot be written.
        """
        plan = self._plan
        output = _standard_error() if plan.log_path is None else _open_log(plan.log_path)
        try:
            self._process = subprocess.Popen(  # noqa: S603 - a module of ours
                [*_python(), "-m", plan.module, *plan.arguments],
                env=dict(plan.environment),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                pass_fds=tuple(plan.descriptors),
                start_new_session=True,
                preexec_fn=dying_with_us(signal.SIGTERM),  # noqa: PLW1509 - no threads here
            )
        finally:
            os.close(output)

    def terminate(self) -> None:
        """Ask the child to end. Harmless where none runs."""
        if self._process is not None:
            self._process.terminate()

    def kill(self) -> None:
        """End the child at once, and wait until it is gone. Harmless where none runs."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()


def _python() -> list[str]:
    """The interpreter, which looks for modules where we do.

    `-m` would add the current folder, where an application may have packages of our names.
    """
    finds_here = sys.path[0] in ("", str(Path.cwd()))
    return [sys.executable] if finds_here else [sys.executable, "-P"]


def _standard_error() -> int:
    return os.dup(2)


def _open_log(path: Path) -> int:
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
    return os.open(path, flags, 0o600)
