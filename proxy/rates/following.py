"""A serving process follows its source of rates, for as long as it runs."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

from config.rates import FILE_NAME
from proxy.rates.accepted import RatesSource
from proxy.rates.authority import LOOK_EVERY_S
from proxy.rates.current import CurrentRates
from proxy.rates.publication import VARIABLE, PublishedRates
from proxy.rates.rates_file import RatesFile


class RateFollower:
    """Has the rates in force, and takes what its source brings.

    Raises ConfigError where the source has no rates to begin with.
    """

    def __init__(self, source: RatesSource) -> None:
        self._source = source
        self._asked = asyncio.Event()
        self.rates = CurrentRates(source.first())

    def look_now(self) -> None:
        """Somebody says that there is something new."""
        self._asked.set()

    async def follow(self) -> None:
        """Look until it is cancelled."""
        self.rates.announce()
        while True:
            is_asked = await self._wait()
            # Reading and parsing a large table must not hold up calls.
            accepted = await asyncio.to_thread(self._source.look, is_asked=is_asked)
            if accepted is not None:
                self.rates.take(accepted)
            self.rates.current()  # so that the schedule is kept where no calls come

    async def _wait(self) -> bool:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LOOK_EVERY_S):
                await self._asked.wait()
        was_asked = self._asked.is_set()
        self._asked.clear()
        return was_asked

    @asynccontextmanager
    async def following(self, on_end: Callable[[], None]) -> AsyncIterator[None]:
        """Follows while the block runs. A mistake that ends it calls `on_end`, and is raised."""
        task = asyncio.create_task(self.follow())
        task.add_done_callback(lambda _: on_end())
        try:
            yield
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task


def source_of(
    environment: Mapping[str, str], folder: Path, upstreams: frozenset[str]
) -> RatesSource:
    """The parent's rates, where there is a parent; else the config folder's file."""
    published = environment.get(VARIABLE)
    if published:
        return PublishedRates(Path(published), upstreams)
    return RatesFile(folder / FILE_NAME, upstreams)
