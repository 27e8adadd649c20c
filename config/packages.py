"""Reads `packages.toml`: what customers can buy."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

import msgspec

from config.errors import ConfigError
from config.toml_file import convert, load_toml

FILE_NAME = "packages.toml"
LOWEST_PRICE_CENTS = 50  # https://docs.stripe.com/currencies#minimum-and-maximum-charge-amounts
HIGHEST_PRICE_CENTS = 99_999_999

_ID = re.compile(r"[a-z0-9][a-z0-9_-]{0,39}")
_PRICE = re.compile(r"(?P<dollars>[0-9]{1,6})\.(?P<cents>[0-9]{2})")
_PERCENT = re.compile(r"(?P<whole>[0-9]{1,3})(\.(?P<part>[0-9]{1,2}))?")


class PackageTable(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """One package as the file has it."""

    label: Annotated[str, msgspec.Meta(min_length=1, max_length=60)]
    price: str
    bonus_percent: str = "0"
    tag: Annotated[str, msgspec.Meta(max_length=120)] = ""
    display_rounding: Literal[1, 10, 100] = 1


class Package(msgspec.Struct, frozen=True, kw_only=True):
    """What can be bought: its price in US cents, its bonus in hundredths of a percent."""

    package_id: str
    label: str
    tag: str
    price_cents: int
    bonus_basis_points: int
    display_rounding: int


def packages_for_sale(folder: Path) -> Mapping[str, Package]:
    """The packages of a folder as `load_packages` reads them; none where it has no such file."""
    return load_packages(folder) if (folder / FILE_NAME).exists() else {}


def load_packages(folder: Path) -> Mapping[str, Package]:
    """The packages of a folder's `packages.toml`, by id, in the file's order.

    Raises:
        ConfigError: names the file, the key and what would be right.
    """
    source = str(folder / FILE_NAME)
    tables = load_toml(folder / FILE_NAME)
    unknown = sorted(set(tables) - {"packages"})
    if unknown:
        raise ConfigError(source, unknown[0], "is not a known key")
    packages = tables.get("packages")
    if not isinstance(packages, dict) or not packages:
        raise ConfigError(source, "packages", "there must be one package at least")
    return {name: _package(name, table, source) for name, table in packages.items()}


def _package(name: str, table: object, source: str) -> Package:
    key = f"packages.{name}"
    if not _ID.fullmatch(name):
        raise ConfigError(source, key, "a package's id is of a-z, 0-9, - and _, 40 at most")
    given = convert(table, PackageTable, source, key)
    for field, text in (("label", given.label), ("tag", given.tag)):
        if not text.isprintable() or text != text.strip():
            reason = "must be one line of printable characters, without blanks around it"
            raise ConfigError(source, f"{key}.{field}", reason)
    return Package(
        package_id=name,
        label=given.label,
        tag=given.tag,
        price_cents=_cents(given.price, source, f"{key}.price"),
        bonus_basis_points=_basis_points(given.bonus_percent, source, f"{key}.bonus_percent"),
        display_rounding=given.display_rounding,
    )


def _cents(text: str, source: str, key: str) -> int:
    found = _PRICE.fullmatch(text)
    if not found:
        raise ConfigError(source, key, f'{text!r} is not a price: write US dollars like "9.99"')
    cents = int(found["dollars"]) * 100 + int(found["cents"])
    if not LOWEST_PRICE_CENTS <= cents <= HIGHEST_PRICE_CENTS:
        raise ConfigError(source, key, "must be from 0.50 to 999999.99")
    return cents


def _basis_points(text: str, source: str, key: str) -> int:
    found = _PERCENT.fullmatch(text)
    if not found:
        raise ConfigError(source, key, f'{text!r} is not a percentage: write it like "5" or "7.5"')
    return int(found["whole"]) * 100 + int((found["part"] or "").ljust(2, "0"))
