"""The signals of a process that runs an event loop."""

import asyncio
import signal

from proxy.processes.terminal import Hangups
from proxy.rates.following import RateFollower


def handle_signals(stopping: asyncio.Event, rates: RateFollower) -> None:
    """SIGTERM and SIGINT set `stopping`; SIGHUP has the rates looked at.

    A parent tells its children of new rates by itself; SIGHUP is for those that have none.
    """
    loop = asyncio.get_running_loop()
    hangups = Hangups()

    def on_hangup() -> None:
        if hangups.is_the_end():
            stopping.set()
        else:
            rates.look_now()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    loop.add_signal_handler(signal.SIGHUP, on_hangup)
