"""Starts and ends an engine's process, so that it never outlives whoever started it."""

import ctypes
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

from deploy.local.account import Account
from deploy.local.errors import EngineStartError

Process = subprocess.Popen[bytes]

_ENVIRONMENT = {"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"}
_PR_SET_PDEATHSIG = 1


def spawn(
    command: Sequence[str | Path],
    *,
    folder: Path,
    account: Account | None,
    log: int,
    lock: int,
    signal_at_our_death: signal.Signals,
) -> Process:
    """Start `command` in `folder`, in a session of its own: Ctrl-C in the terminal misses it.

    `log` and `lock` are descriptors; the process keeps `lock` open as long as it lives. Raises
    EngineStartError, also outside the main thread: the kernel takes the end of the thread that
    started a process for the death of its parent.
    """
    if threading.current_thread() is not threading.main_thread():
        raise EngineStartError("engines are started from the main thread")
    try:
        return subprocess.Popen(
            list(command),
            cwd=folder,
            env=_ENVIRONMENT,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            pass_fds=(lock,),
            start_new_session=True,
            user=None if account is None else account.user,
            group=None if account is None else account.group,
            extra_groups=None if account is None else [],
            preexec_fn=dying_with_us(signal_at_our_death),
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise EngineStartError(f"cannot run {command[0]}: {error}") from error


def end(process: Process, signals: Sequence[signal.Signals], wait_s: float) -> int:
    """Send one signal after the other, `wait_s` apart, until the process has ended.

    The last signal is SIGKILL, whatever was asked for. Returns the exit status.
    """
    for number in signals:
        process.send_signal(number)
        try:
            return process.wait(wait_s)
        except subprocess.TimeoutExpired:
            continue
    process.kill()
    return process.wait()


def dying_with_us(number: signal.Signals) -> Callable[[], None] | None:
    """Return what the child does before its program starts: ask for a signal at our death."""
    if sys.platform != "linux":
        return None
    prctl = ctypes.CDLL(None, use_errno=True).prctl
    parent = os.getpid()
    request, value = int(_PR_SET_PDEATHSIG), int(number)

    def ask() -> None:
        prctl(request, value, 0, 0, 0)
        if os.getppid() != parent:  # we died before it could ask
            os._exit(1)

    return ask
