"""What operators are told to subscribe to is what is handled."""

import re
from pathlib import Path

import pytest

from billing.handlers import HANDLERS

ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize("page", ["README.md", "docs/billing.md"])
def test_the_events_to_subscribe_to_are_those_that_are_handled(page: str) -> None:
    """Done when 7: the exact events, no more and no less."""
    text = (ROOT / page).read_text(encoding="utf-8")
    assert re.findall(r"^ *([a-z_]+(?:\.[a-z_]+)+)$", text, re.MULTILINE) == list(HANDLERS)
