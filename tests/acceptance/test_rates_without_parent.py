"""A writer that nobody watches over looks at the rates file itself."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.live_family import logged
from tests.support.live_rates import LiveRates
from tests.support.waiting import PATIENCE_S, until

ROOT = Path(__file__).parents[2]


@contextmanager
def running_writer(
    rates: LiveRates, log: Path, **engines: str
) -> Iterator[subprocess.Popen[bytes]]:
    """A writer that is killed in the end, if the test has not stopped it."""
    variables = {
        "PATH": os.environ["PATH"],
        "OPENAI_API_KEY": "sk-of-the-provider",
        "TOLLGATE_ADMIN_TOKEN": "an operator's token",
        "TOLLGATE_KEY_SECRET": "a secret to hash keys with",
        "TOLLGATE_CONFIG_DIR": str(rates.folder),
        "TOLLGATE_STATE_DIR": str(log.parent / "state"),
        **engines,
    }
    command = [sys.executable, "-m", "proxy.cli", "writer"]
    with (
        log.open("w") as said,
        subprocess.Popen(command, env=variables, stderr=said, cwd=ROOT) as writer,
    ):
        try:
            yield writer
        finally:
            writer.kill()


async def test_a_writer_by_itself_takes_other_rates(
    database_url: str, redis_url: str, tmp_path: Path
) -> None:
    """Rates: a changed file, SIGHUP, and refusals, as with a parent."""
    (tmp_path / "config").mkdir()
    rates = LiveRates(tmp_path / "config")
    log = tmp_path / "log"
    engines = {"TOLLGATE_DATABASE_URL": database_url, "TOLLGATE_REDIS_URL": redis_url}
    with running_writer(rates, log, **engines) as writer:
        await has_switched_to(log, rates.version)
        await has_switched_to(log, rates.write("3.6"))
        rates.path.write_text("[models")
        await until(lambda: logged(log.read_text(), "rates_refused"), "it is refused")
        version = rates.write("4.8")
        writer.send_signal(signal.SIGHUP)
        await has_switched_to(log, version)
        writer.send_signal(signal.SIGTERM)
        assert writer.wait(PATIENCE_S) == 0


async def has_switched_to(log: Path, version: str) -> None:
    def says_so() -> bool:
        lines = logged(log.read_text(), "rates_in_force")
        return bool(lines) and lines[-1]["version"] == version

    await until(says_so, f"it has switched to {version}")
