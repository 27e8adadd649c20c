"""Tells what SIGHUP means: an operator wants the rates read anew, or the terminal is gone."""

import os
import signal
from pathlib import Path

_TERMINAL = Path("/dev/tty")


class Hangups:
    """To be made before SIGHUP gets a handler.

    A terminal that is closed sends SIGHUP, too, and ends what runs in it; unless `nohup` has said
    that it is not to.
    """

    def __init__(self) -> None:
        may_end = signal.getsignal(signal.SIGHUP) != signal.SIG_IGN
        self._may_end = may_end and _has_terminal()

    def is_the_end(self) -> bool:
        """Whether a SIGHUP that has just come means that the terminal was closed."""
        return self._may_end and not _has_terminal()


def _has_terminal() -> bool:
    try:
        os.close(os.open(_TERMINAL, os.O_RDONLY | os.O_NOCTTY))
    except OSError:
        return False
    return True
