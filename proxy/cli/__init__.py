"""The `tollgate` command. Each command is a file here and one line below."""

import click

from proxy.cli.accounts import accounts
from proxy.cli.billing import billing, purchases
from proxy.cli.close import close
from proxy.cli.export import export
from proxy.cli.keys import keys
from proxy.cli.migrate import migrate
from proxy.cli.postings import adjust, grant, refund
from proxy.cli.rates import rates
from proxy.cli.rebuild import rebuild
from proxy.cli.reconcile import reconcile
from proxy.cli.serve import serve, serve_worker, writer
from proxy.cli.up import up


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="tollgate")
def main() -> None:
    """Tollgate: an OpenAI-compatible metering proxy with prepaid credits.

    Commands that need the database, Redis or the keys' secret read TOLLGATE_DATABASE_URL,
    TOLLGATE_REDIS_URL and TOLLGATE_KEY_SECRET; where these are not set, they find the engines
    that `tollgate up` runs from this folder.
    """


main.add_command(up)
main.add_command(serve)
main.add_command(serve_worker)
main.add_command(writer)
main.add_command(accounts)
main.add_command(keys)
main.add_command(grant)
main.add_command(adjust)
main.add_command(refund)
main.add_command(purchases)
main.add_command(billing)
main.add_command(reconcile)
main.add_command(rebuild)
main.add_command(migrate)
main.add_command(rates)
main.add_command(export)
main.add_command(close)
