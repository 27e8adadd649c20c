"""What files are called."""

from datetime import UTC, datetime

import pytest

from ledger.exports.selection import Selection

NOVEMBER, DECEMBER = datetime(2026, 11, 1, tzinfo=UTC), datetime(2026, 12, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("selection", "name"),
    [
        (Selection(), "tollgate-usage.csv"),
        (
            Selection(start=NOVEMBER, end=DECEMBER),
            "tollgate-usage-from-2026-11-01-to-2026-12-01.csv",
        ),
        (Selection(account_id="a1", end=DECEMBER), "tollgate-usage-a1-to-2026-12-01.csv"),
        (
            Selection(start=datetime(2026, 11, 1, 12, 30, tzinfo=UTC)),
            "tollgate-usage-from-2026-11-01T123000Z.csv",
        ),
    ],
)
def test_a_files_name_says_what_is_in_it(selection: Selection, name: str) -> None:
    """Of letters that every system takes."""
    assert selection.file_name("usage", "csv") == name
