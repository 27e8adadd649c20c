"""The knobs of the pretend provider, and where people read of them."""

from dataclasses import fields

import pytest

import deploy.local.pretend_provider
from deploy.local.pretend_provider.errors import ProviderError
from deploy.local.pretend_provider.knobs import Knobs, read_knobs


def test_every_knob_can_be_turned_and_is_in_the_table() -> None:
    """A knob is a field, a header with a reader, and a line of documentation."""
    for field in fields(Knobs):
        header = f"x-pretend-{field.name.replace('_', '-')}"
        value = "503" if field.name == "status" else "1"
        assert getattr(read_knobs({header.upper(): value}), field.name) == float(value)
        assert f"| `{header}` |" in (deploy.local.pretend_provider.__doc__ or "")


@pytest.mark.parametrize("value", ["", " 1", "²", "+1", "0x1", "1_000", "9" * 5000])
def test_only_plain_digits_are_a_number(value: str) -> None:
    """What Python would take for a number is not always one in a header."""
    with pytest.raises(ProviderError, match="x-pretend-huge must be"):
        read_knobs({"x-pretend-huge": value})


def test_without_headers_no_knob_is_turned() -> None:
    """Other headers do not matter."""
    assert read_knobs({"x-request-id": "1"}) == Knobs()
