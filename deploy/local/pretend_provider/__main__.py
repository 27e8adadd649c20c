"""The command that runs the pretend provider: `python -m deploy.local.pretend_provider`."""

import asyncio
import gc
import os
import signal
import socket
from pathlib import Path

import click
import uvloop
from aiohttp import web

from deploy.local.pretend_provider.app import create_pretend_provider
from pricing.tokens import TokenCounter

_BACKLOG = 2048
_SHUTDOWN_TIMEOUT_S = 1.0


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", default=0, help="Port to listen on; 0 takes a free one.  [default: 0]")
@click.option("--fd", type=int, help="Listen on this inherited socket instead.")
@click.option("--ready-fd", type=int, help="Write the port to this descriptor when ready.")
@click.option("--api-key", help="Accept only this key.  [default: any]")
@click.option(
    "--cache-dir",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path(".tollgate/ranks"),
    show_default=True,
    help="Where the tokenizer's ranks are unpacked to.",
)
def main(
    *,
    host: str,
    port: int,
    fd: int | None,
    ready_fd: int | None,
    api_key: str | None,
    cache_dir: Path,
) -> None:
    """Pretend to be OpenAI: chat completions over HTTP, with no model behind."""
    listener = socket.create_server((host, port), backlog=_BACKLOG) if fd is None else None
    if listener is None:
        listener = socket.socket(fileno=fd)
    app = create_pretend_provider(TokenCounter(cache_dir), api_key=api_key)
    # What was loaded stays for ever: the garbage collector need not look at it again.
    gc.freeze()
    uvloop.run(_serve(app, listener, ready_fd))


async def _serve(app: web.Application, listener: socket.socket, ready_fd: int | None) -> None:
    stop = asyncio.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(name, stop.set)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=_SHUTDOWN_TIMEOUT_S)
    await runner.setup()
    await web.SockSite(runner, listener, backlog=_BACKLOG).start()
    host, port = listener.getsockname()[:2]
    click.echo(f"Pretend provider on http://{host}:{port}/v1")
    if ready_fd is not None:
        with os.fdopen(ready_fd, "w") as ready:
            ready.write(f"{port}\n")
    try:
        await stop.wait()
    finally:
        await runner.cleanup()


if __name__ == "__main__":
    main()
