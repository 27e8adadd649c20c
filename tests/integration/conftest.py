"""Engines that a test owns, because it kills them; and the people's side on those of all tests."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from aiohttp.test_utils import TestClient
from pytest_aiohttp import AiohttpClient

from deploy.local.engine import Engine
from tests.support.engine_checks import StartEngine, eventually
from tests.support.engines import processes_in, reachable_folder
from tests.support.people import Desk, desk_app, open_desk


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


@pytest.fixture
async def desk(database_url: str, redis_url: str) -> AsyncIterator[Desk]:
    """The people's side without HTTP."""
    async with open_desk(database_url, redis_url) as opened:
        yield opened


@pytest.fixture
async def client(desk: Desk, aiohttp_client: AiohttpClient) -> TestClient:
    """Speaks HTTP to the desk."""
    return await aiohttp_client(desk_app(desk))
