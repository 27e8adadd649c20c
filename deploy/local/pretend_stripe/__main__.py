"""The command that runs the pretend Stripe: `python -m deploy.local.pretend_stripe`."""

import asyncio
import logging
import signal
import socket
from pathlib import Path

import click
import uvloop
from aiohttp import web

from deploy.local.pretend_stripe.app import create_pretend_stripe
from deploy.local.pretend_stripe.store import StateFileError, Store

_BACKLOG = 128
_SHUTDOWN_TIMEOUT_S = 1.0
_TEST_KEY = "sk_test_"


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", default=0, help="Port to listen on; 0 takes a free one.  [default: 0]")
@click.option("--fd", type=int, help="Listen on this inherited socket instead.")
@click.option(
    "--api-key",
    envvar="STRIPE_SECRET_KEY",
    required=True,
    help="The only key that is good; must begin with sk_test_.",
)
@click.option("--webhook-url", help="Where events go.  [default: they are kept, not delivered]")
@click.option(
    "--webhook-secret",
    envvar="STRIPE_WEBHOOK_SECRET",
    required=True,
    help="What events are signed with.",
)
@click.option(
    "--state",
    type=click.Path(dir_okay=False, path_type=Path),
    help="File that keeps everything.  [default: nothing is kept]",
)
@click.option("--public-url", help="Where people reach the pages.  [default: where it listens]")
def main(
    *,
    host: str,
    port: int,
    fd: int | None,
    api_key: str,
    webhook_url: str | None,
    webhook_secret: str,
    state: Path | None,
    public_url: str | None,
) -> None:
    """Pretend to be Stripe: the API, the hosted pages and the webhooks. No money moves.

    Both secrets can also come by the environment, where other users do not see them.
    """
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(message)s")
    if not api_key.startswith(_TEST_KEY):
        raise click.BadParameter(f"must begin with {_TEST_KEY}: a real key has no place here")
    try:
        store = Store(state)
    except StateFileError as error:
        raise click.ClickException(str(error)) from None
    listener = socket.socket(fileno=fd) if fd is not None else socket.create_server((host, port))
    own_host, own_port = listener.getsockname()[:2]
    base_url = public_url or f"http://{own_host}:{own_port}"
    app = create_pretend_stripe(
        store,
        api_key=api_key,
        webhook_secret=webhook_secret,
        webhook_url=webhook_url,
        base_url=base_url.rstrip("/"),
    )
    uvloop.run(_serve(app, listener, base_url))


async def _serve(app: web.Application, listener: socket.socket, base_url: str) -> None:
    stop = asyncio.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(name, stop.set)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=_SHUTDOWN_TIMEOUT_S)
    await runner.setup()
    await web.SockSite(runner, listener, backlog=_BACKLOG).start()
    click.echo(f"Pretend Stripe on {base_url}")
    try:
        await stop.wait()
    finally:
        await runner.cleanup()


if __name__ == "__main__":
    main()
