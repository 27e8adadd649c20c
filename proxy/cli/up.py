"""`tollgate up`: everything on one machine, from one command."""

import os
from pathlib import Path

import click
import structlog

from config.packages import packages_for_sale
from config.settings import config_folder, load_settings
from deploy.local.banner import banner
from deploy.local.private_files import make_state_folder, removed_around
from deploy.local.provider_choice import choose_provider
from deploy.local.stack_lock import stack_lock
from ledger.database import database_errors
from ledger.migrate import migrate
from proxy.cli.ending import explained_end
from proxy.cli.environment import LOCAL_FILE
from proxy.cli.running import run
from proxy.logs import configure_logs
from proxy.processes import stack
from proxy.processes.file_limit import raise_file_limit
from proxy.processes.listener import listen
from proxy.processes.local_stack import LocalStack
from proxy.processes.stop_signals import StopSignals
from proxy.processes.supervisor import Supervisor
from proxy.rates.authority import LOOK_EVERY_S, open_authority
from proxy.rates.publication import VARIABLE

DEV_FILE = "dev.json"
# The workers of a parent that was killed close their socket a moment later.
PORT_WAIT_S = 2.0


@click.command()
def up() -> None:
    """Run everything on this machine: engines, writer, workers, and a provider if need be.

    Data are kept in TOLLGATE_STATE_DIR. TOLLGATE_DATABASE_URL and TOLLGATE_REDIS_URL stand for
    engines of your own. Without OPENAI_API_KEY a pretend provider answers, without
    STRIPE_SECRET_KEY a pretend Stripe sells, and no money moves. Ctrl-C stops it all;
    calls under way may end, for TOLLGATE_SHUTDOWN_TIMEOUT_S at most, a second Ctrl-C cuts them.
    A changed rates.toml is taken without a restart, by itself within two seconds or at SIGHUP; one
    that is not good is refused.
    """
    configure_logs()
    raise_file_limit()
    with explained_end(), StopSignals() as signals:
        _up(signals)


def _up(signals: StopSignals) -> None:
    folder = config_folder(os.environ)
    settings = load_settings(folder, os.environ)
    packages_for_sale(folder)  # so that it is told once, and not by each worker
    provider = choose_provider(settings, os.environ)
    state_dir = make_state_folder(Path(settings.state_dir))
    with (
        stack_lock(state_dir),
        listen(settings.host, settings.port, wait_s=PORT_WAIT_S) as listener,
        open_authority(folder, frozenset(settings.upstreams)) as authority,
        Supervisor(signals, structlog.get_logger("supervisor")) as supervisor,
        removed_around(state_dir / DEV_FILE) as dev_file,
    ):
        supervisor.repeat(authority.look, LOOK_EVERY_S)
        environment = {**os.environ, VARIABLE: str(authority.path)}
        local = LocalStack(settings, environment, state_dir, supervisor)
        base_url = stack.base_url(settings, listener)
        migration_url = local.start_engines()
        with signals.interrupting():
            run(_migrate(migration_url))
        local.make_secrets(provider)
        local.start_payments(listener)
        local.write_environment(state_dir / LOCAL_FILE)
        local.start_children(listener, provider)
        local.wait_until_ready(base_url)
        with signals.interrupting():
            welcome = local.welcome(base_url, provider, authority.rates.current())
            local.write_dev_file(dev_file, welcome)
        click.echo(banner(welcome))
        supervisor.run()


async def _migrate(owner_url: str) -> None:
    with database_errors():
        await migrate(owner_url)
