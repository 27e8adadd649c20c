"""A child that notes what happens to it: `python -m tests.support.fake_child NAME DIARY [HABIT …]`.

It appends `NAME start PID` to the diary, and `NAME stop PID` when it ends at SIGTERM. Habits:
`exit=STATUS` ends at once; `exit-later=STATUS` does so from the second start on; `after=NAME` waits
with all of it until that child has started; `deaf` ignores SIGTERM; `slow=SECONDS` takes its time
to end.
"""

import os
import signal
import sys
import time
from collections.abc import Mapping
from pathlib import Path


def main() -> None:
    """Live until SIGTERM, or as the habits say."""
    name, diary = sys.argv[1], Path(sys.argv[2])
    habits = dict(habit.partition("=")[::2] for habit in sys.argv[3:])
    signal.signal(signal.SIGTERM, signal.SIG_IGN if "deaf" in habits else _end)
    while "after" in habits and f"{habits['after']} start" not in diary.read_text():
        time.sleep(0.01)
    try:  # the signal may come as soon as the start is noted
        _live(name, diary, habits)
    except InterruptedError:
        time.sleep(float(habits.get("slow", 0)))
        _note(diary, f"{name} stop {os.getpid()}")


def _live(name: str, diary: Path, habits: Mapping[str, str]) -> None:
    is_first = f"{name} start" not in diary.read_text()
    _note(diary, f"{name} start {os.getpid()}")
    status = habits.get("exit", None if is_first else habits.get("exit-later"))
    if status is not None:
        sys.stderr.write(f"{name} gives up with {status}\n")
        sys.exit(int(status))
    while True:
        signal.pause()


def _end(*_: object) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    raise InterruptedError


def _note(diary: Path, line: str) -> None:
    with diary.open("a") as file:
        file.write(f"{line}\n")


if __name__ == "__main__":
    main()
