"""Where the stacks of tests live."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.browser import found_chromium
from tests.support.engine_checks import eventually
from tests.support.engines import processes_in, reachable_folder


@pytest.fixture(scope="session")
def chromium() -> str:
    """The browser's program, for tests of pages; asked for before anything is started."""
    return found_chromium()


@pytest.fixture
def state() -> Iterator[Path]:
    """A state folder that must hold no process any more when the test is over."""
    with reachable_folder() as folder:
        yield folder / "state"
        eventually(lambda: processes_in(folder) == [])
