"""`tollgate up` as people run it: a process with a state folder, in an environment of its own."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil

from deploy.local.own_api import OwnApi
from tests.support.engine_checks import eventually
from tests.support.engines import is_gone
from tests.support.waiting import PATIENCE_S

ROOT = Path(__file__).parents[2]
COMMAND = [sys.executable, "-m", "proxy.cli", "up"]
LAST_LINE = "Ctrl-C stops it"


class Up:
    """A running stack, and what it prints."""

    def __init__(self, state: Path, **variables: str) -> None:
        self.state = state
        self._printed = state.parent / "printed"
        self._said = state.parent / "said"
        with self._printed.open("w") as printed, self._said.open("w") as said:
            self.process = subprocess.Popen(
                COMMAND, stdout=printed, stderr=said, cwd=ROOT, env=environment(state, **variables)
            )
        self.family: list[psutil.Process] = []

    @property
    def dev(self) -> dict[str, str]:
        """What programs are told."""
        content: dict[str, str] = json.loads((self.state / "dev.json").read_text())
        return content

    @property
    def printed(self) -> str:
        """What people are told."""
        return self._printed.read_text()

    @property
    def said(self) -> str:
        """Errors and logs."""
        return self._said.read_text()

    @property
    def api(self) -> OwnApi:
        """The API that it serves."""
        return OwnApi(self.dev["base_url"].removesuffix("/v1"))

    def balance_mc(self) -> int:
        """What the printed key's account has."""
        content = self.api.expect("GET", "/v1/credits/balance", token=self.dev["api_key"])
        return int(content["balanceMillicredits"])

    def wait_until_it_serves(self) -> None:
        """Wait for the banner's last line, and remember all processes."""
        eventually(lambda: LAST_LINE in self.printed or self.process.poll() is not None)
        assert self.process.poll() is None, self.said
        self.family = psutil.Process(self.process.pid).children(recursive=True)

    def end(self) -> int:
        """Wait until it has ended by itself; returns its status."""
        return self.process.wait(PATIENCE_S)

    def stop(self) -> int:
        """Press Ctrl-C."""
        self.process.send_signal(signal.SIGINT)
        return self.end()

    def has_left_nothing(self) -> bool:
        """Whether all processes that it had are gone."""
        return all(is_gone(process.pid) for process in self.family if process.is_running())


def environment(state: Path, **variables: str) -> dict[str, str]:
    """An environment with nothing of ours but a state folder and any free port."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    return {**kept, "TOLLGATE_STATE_DIR": str(state), "TOLLGATE_PORT": "0", **variables}


@contextmanager
def running_up(state: Path, **variables: str) -> Iterator[Up]:
    """A stack that serves; it is stopped in the end, if the test has not done so."""
    up = Up(state, **variables)
    try:
        up.wait_until_it_serves()
        yield up
    finally:
        if up.process.poll() is None:
            up.stop()
        for process in up.family:  # what is left where a test has failed
            with suppress(psutil.NoSuchProcess):
                process.kill()
