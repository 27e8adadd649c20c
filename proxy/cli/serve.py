"""`tollgate serve` and `tollgate writer`: what runs where databases are run by others."""

import os
import socket
from collections.abc import Mapping
from typing import NamedTuple

import click
import structlog

from config.packages import Package, packages_for_sale
from config.secrets import Secrets, load_secrets
from config.settings import Settings, config_folder, load_settings
from proxy.cli.ending import explained_end
from proxy.logs import configure_logs
from proxy.processes import stack
from proxy.processes.file_limit import raise_file_limit
from proxy.processes.listener import listen
from proxy.processes.stop_signals import StopSignals
from proxy.processes.supervisor import Supervisor
from proxy.rates.authority import LOOK_EVERY_S, open_authority
from proxy.rates.following import RateFollower, source_of
from proxy.rates.publication import VARIABLE


class Configuration(NamedTuple):
    """All that a worker or a writer is told."""

    settings: Settings
    secrets: Secrets
    rates: RateFollower
    packages: Mapping[str, Package]


@click.command()
def serve() -> None:
    """Run the proxy: TOLLGATE_WORKERS workers on one port.

    Needs TOLLGATE_DATABASE_URL, TOLLGATE_REDIS_URL, TOLLGATE_ADMIN_TOKEN, TOLLGATE_KEY_SECRET and
    the providers' keys. A worker that dies is started again. SIGTERM: calls under way may end, for
    TOLLGATE_SHUTDOWN_TIMEOUT_S at most; a second SIGTERM cuts them. A changed rates.toml is taken
    without a restart, by itself within two seconds or at SIGHUP; one that is not good is refused.
    """
    configure_logs()
    raise_file_limit()
    with explained_end(), StopSignals() as signals:
        folder = config_folder(os.environ)
        settings = load_settings(folder, os.environ)
        # So that it is told once, and not by each worker.
        load_secrets(settings, os.environ)
        packages_for_sale(folder)
        with (
            listen(settings.host, settings.port) as listener,
            open_authority(folder, frozenset(settings.upstreams)) as authority,
            Supervisor(signals, structlog.get_logger("supervisor")) as supervisor,
        ):
            supervisor.repeat(authority.look, LOOK_EVERY_S)
            environment = {**os.environ, VARIABLE: str(authority.path)}
            supervisor.start(stack.workers(settings, environment, listener))
            click.echo(f"Listening on {stack.base_url(settings, listener)}", err=True)
            supervisor.run()


@click.command("serve-worker", hidden=True)
@click.option("--fd", required=True, type=int, help="The socket to listen on, inherited.")
def serve_worker(fd: int) -> None:
    """Run one worker of `tollgate serve`."""
    from proxy.processes.worker import run_worker  # noqa: PLC0415 - other commands start without a server

    configure_logs()
    with explained_end():
        configuration = _load_configuration(os.environ)
    with socket.socket(fileno=fd) as listener:
        raise SystemExit(run_worker(*configuration, listener=listener))


@click.command()
def writer() -> None:
    """Run the ledger's writer: it writes settlements, sweeps orphaned holds and syncs balances.

    Needs what `tollgate serve` needs. Run one; it ends, having written what there is, at SIGTERM.
    It takes a changed rates.toml as `tollgate serve` does.
    """
    from proxy.processes.writer_process import run_writer  # noqa: PLC0415 - as above

    configure_logs()
    with explained_end():
        configuration = _load_configuration(os.environ)
    raise SystemExit(run_writer(*configuration))


def _load_configuration(environment: Mapping[str, str]) -> Configuration:
    """Reads it all. Raises ConfigError."""
    folder = config_folder(environment)
    settings = load_settings(folder, environment)
    secrets = load_secrets(settings, environment)
    source = source_of(environment, folder, frozenset(settings.upstreams))
    return Configuration(settings, secrets, RateFollower(source), packages_for_sale(folder))
