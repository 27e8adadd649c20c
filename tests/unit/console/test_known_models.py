"""Models that cannot be called, and what their callers are told."""

import msgspec
import pytest

from console.errors import ApiError
from console.known_models import find_model
from tests.support.rates import shipped_table

TABLE = shipped_table()


def test_a_model_with_a_rate_is_found() -> None:
    """G2: and no other."""
    assert find_model(TABLE, "gpt-4o").label == "Advanced"


def test_an_unknown_model_is_refused_by_name() -> None:
    """G2: 404; a name of any length is shown in part."""
    with pytest.raises(ApiError, match="The model 'gpt-9' does not exist or has no rate here"):
        find_model(TABLE, "gpt-9")
    with pytest.raises(ApiError) as raised:
        find_model(TABLE, "x" * 10_000)
    assert raised.value.status == 404
    assert len(str(raised.value)) < 300


def test_a_retired_model_is_refused_with_the_time_of_its_end() -> None:
    """Rates: like an unknown one, but its users learn why it is gone."""
    table = msgspec.structs.replace(TABLE, models={}, retired_at_s={"gpt-4o": 1_798_675_200})
    with pytest.raises(ApiError, match="'gpt-4o' was retired at 2026-12-31T00:00:00Z"):
        find_model(table, "gpt-4o")
