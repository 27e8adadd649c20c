"""One serving process: runs the server on a socket until it is told to end, then drains it."""

import asyncio
import gc
import socket
from collections.abc import Mapping

import msgspec
import structlog
import uvloop
from aiohttp import web

from config.packages import Package
from config.secrets import Secrets
from config.settings import Settings
from proxy.app import Server, open_server
from proxy.logs import configure_logs
from proxy.processes.loop_signals import handle_signals
from proxy.rates.following import RateFollower
from proxy.runner import Runner

# After calls were stopped: time to settle them and to tell their clients.
STOPPED_CALLS_S = 3.0

_log = structlog.get_logger(__name__)


def run_worker(
    settings: Settings,
    secrets: Secrets,
    rates: RateFollower,
    packages: Mapping[str, Package],
    *,
    listener: socket.socket,
) -> int:
    """Serves on `listener` until SIGTERM or SIGINT; the process's exit code."""
    configure_logs()
    uvloop.run(_serve(settings, secrets, rates, packages, listener))
    return 0


async def _serve(
    settings: Settings,
    secrets: Secrets,
    rates: RateFollower,
    packages: Mapping[str, Package],
    listener: socket.socket,
) -> None:
    stopping = asyncio.Event()
    handle_signals(stopping, rates)
    settings = with_public_url(settings, listener)
    async with (
        rates.following(stopping.set),
        open_server(settings, secrets, rates.rates, packages) as server,
    ):
        runner = Runner(server.app, shutdown_timeout=1)
        await runner.setup()
        site = web.SockSite(runner, listener, backlog=1024)
        await site.start()
        looking = _look_for_slow_starters(server, runner)
        gc.freeze()
        _log.info("serving", url=settings.public_url)
        await stopping.wait()
        await drain(server, site, settings)
        looking.cancel()
        await runner.cleanup()
    _log.info("stopped")


def _look_for_slow_starters(server: Server, runner: web.AppRunner) -> asyncio.Task[None]:
    if runner.server is None:
        raise RuntimeError("the runner is not set up")
    return asyncio.create_task(server.slow_starters.look(runner.server))


def with_public_url(settings: Settings, listener: socket.socket) -> Settings:
    """Settings that say where people reach this server, also where they were silent."""
    if settings.public_url:
        return settings
    host, port = listener.getsockname()[:2]
    shown = f"[{host}]" if ":" in host else host
    return msgspec.structs.replace(settings, public_url=f"http://{shown}:{port}")


async def drain(server: Server, site: web.BaseSite, settings: Settings) -> None:
    """Readiness false, no new calls, those in flight to their end, or stopped and settled."""
    server.in_flight.is_ready = False
    await asyncio.sleep(settings.shutdown_delay_s)
    server.in_flight.is_draining = True
    await site.stop()
    if not await server.in_flight.wait_until_empty(settings.shutdown_timeout_s):
        _log.warning("calls_stopped", count=len(server.reservations))
        server.reservations.stop_all()
        await server.in_flight.wait_until_empty(STOPPED_CALLS_S + settings.settle_wait_s)
    unconfirmed = await server.settlements.flush(settings.settle_wait_s)
    if unconfirmed:
        _log.error("settlements_unconfirmed", count=unconfirmed)
