"""`packages.toml`: what is refused, and why."""

from pathlib import Path

import pytest

from config.errors import ConfigError
from config.packages import FILE_NAME, load_packages
from config.settings import DEFAULT_FOLDER

STARTER = '[packages.starter]\nlabel = "Starter"\nprice = "9.99"\n'


def test_the_shipped_file_has_three_packages_in_order() -> None:
    """Config: what the file has, in its order."""
    packages = load_packages(DEFAULT_FOLDER)
    assert list(packages) == ["starter", "professional", "enterprise"]
    assert packages["enterprise"].tag == "Best value • Highest bonus"
    assert packages["professional"].bonus_basis_points == 500


@pytest.mark.parametrize(
    ("text", "key", "reason"),
    [
        ("", "packages", "one package"),
        ("currency = 1\n" + STARTER, "currency", "not a known key"),
        (STARTER + "colour = 1\n", "packages.starter.colour", "not a known key"),
        (STARTER.replace("9.99", "9,99"), "packages.starter.price", "is not a price"),
        (STARTER.replace("9.99", "9.9"), "packages.starter.price", "is not a price"),
        (STARTER.replace('"9.99"', "9.99"), "packages.starter.price", "expected `str`"),
        (STARTER.replace("9.99", "0.49"), "packages.starter.price", "from 0.50"),
        (STARTER + 'bonus_percent = "-5"\n', "packages.starter.bonus_percent", "percentage"),
        (STARTER + "display_rounding = 7\n", "packages.starter.display_rounding", "invalid"),
        (STARTER.replace("starter", "Star ter", 1), "", "is not TOML"),
        (STARTER.replace("starter", "STARTER", 1), "packages.STARTER", "a-z"),
        (STARTER.replace('"Starter"', '""'), "packages.starter.label", "length"),
    ],
)
def test_a_bad_file_is_refused_with_key_and_reason(
    tmp_path: Path, text: str, key: str, reason: str
) -> None:
    """Config: refused with file, key and reason."""
    (tmp_path / FILE_NAME).write_text(text)
    with pytest.raises(ConfigError) as refused:
        load_packages(tmp_path)
    assert str(tmp_path / FILE_NAME) in str(refused.value)
    assert key in str(refused.value)
    assert reason in str(refused.value)
