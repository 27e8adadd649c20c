"""Where the stacks of tests live."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.engine_checks import eventually
from tests.support.engines import processes_in, reachable_folder


@pytest.fixture
def state() -> Iterator[Path]:
    """A state folder that must hold no process any more when the test is over."""
    with reachable_folder() as folder:
        yield folder / "state"
        eventually(lambda: processes_in(folder) == [])
