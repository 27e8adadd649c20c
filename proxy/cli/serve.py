"""`tollgate serve` and `tollgate writer`: what runs where databases are run by others."""

import os
import socket
from collections.abc import Mapping
from typing import NamedTuple

import click
import structlog

from config.rates import RateTable, load_rates
from config.secrets import Secrets, load_secrets
from config.settings import Settings, config_folder, load_settings
from proxy.cli.ending import explained_end
from proxy.logs import configure_logs
from proxy.processes import stack
from proxy.processes.file_limit import raise_file_limit
from proxy.processes.listener import listen
from proxy.processes.stop_signals import StopSignals
from proxy.processes.supervisor import Supervisor


class Configuration(NamedTuple):
    """All that a serving process is told."""

    settings: Settings
    secrets: Secrets
    rate_table: RateTable


@click.command()
def serve() -> None:
    """Run the proxy: TOLLGATE_WORKERS workers on one port.

    Needs TOLLGATE_DATABASE_URL, TOLLGATE_REDIS_URL, TOLLGATE_ADMIN_TOKEN, TOLLGATE_KEY_SECRET and
    the providers' keys. A worker that dies is started again. SIGTERM: calls under way may end, for
    TOLLGATE_SHUTDOWN_TIMEOUT_S at most; a second SIGTERM cuts them.
    """
    configure_logs()
    raise_file_limit()
    with explained_end(), StopSignals() as signals:
        settings, _, _ = _load_configuration(os.environ)
        with (
            listen(settings.host, settings.port) as listener,
            Supervisor(signals, structlog.get_logger("supervisor")) as supervisor,
        ):
            supervisor.start(stack.workers(settings, os.environ, listener))
            click.echo(f"Listening on {stack.base_url(settings, listener)}", err=True)
            supervisor.run()


@click.command("serve-worker", hidden=True)
@click.option("--fd", required=True, type=int, help="The socket to listen on, inherited.")
def serve_worker(fd: int) -> None:
    """Run one worker of `tollgate serve`."""
    from proxy.processes.worker import run_worker  # noqa: PLC0415 - other commands start without a server

    with explained_end():
        configuration = _load_configuration(os.environ)
    with socket.socket(fileno=fd) as listener:
        raise SystemExit(run_worker(*configuration, listener))


@click.command()
def writer() -> None:
    """Run the ledger's writer: it writes settlements, sweeps orphaned holds and syncs balances.

    Needs what `tollgate serve` needs. Run one; it ends, having written what there is, at SIGTERM.
    """
    from proxy.processes.writer_process import run_writer  # noqa: PLC0415 - as above

    with explained_end():
        configuration = _load_configuration(os.environ)
    raise SystemExit(run_writer(*configuration))


def _load_configuration(environment: Mapping[str, str]) -> Configuration:
    """Reads it all. Raises ConfigError."""
    folder = config_folder(environment)
    settings = load_settings(folder, environment)
    rate_table = load_rates(folder, frozenset(settings.upstreams))
    return Configuration(settings, load_secrets(settings, environment), rate_table)
