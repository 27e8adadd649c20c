"""Engines that a test owns, because it kills them."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.local.engine import Engine
from tests.support.engine_checks import StartEngine, eventually
from tests.support.engines import processes_in, reachable_folder


@pytest.fixture
def engine_folder() -> Iterator[Path]:
    """A folder for engines. No process may live in it any more when the test is over."""
    with reachable_folder() as folder:
        yield folder
        eventually(lambda: processes_in(folder) == [])


@pytest.fixture
def start_engine() -> Iterator[StartEngine]:
    """Start an engine that is stopped at the end, whatever the test finds."""
    started: list[Engine] = []

    def start(engine: Engine) -> None:
        started.append(engine)
        engine.start()

    yield start
    for engine in started:
        engine.stop()
