"""Reads one TOML file into a typed value, or says which key is wrong and why."""

import re
import tomllib
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from config.errors import ConfigError

T = TypeVar("T")

_AT_PATH = re.compile(r"^(?P<reason>.*) - at `\$?\.?(?P<path>.*)`$", re.DOTALL)
_UNQUOTED = re.compile(r"expected `str`, got `(float|int)`$", re.IGNORECASE)
_UNKNOWN_KEY = re.compile(r"^Object contains unknown field `(?P<name>.*)`$")


def load_toml(path: Path) -> dict[str, Any]:
    """The file's tables.

    Raises:
        ConfigError: the file cannot be read, or is not TOML.
    """
    return parse_toml(read_text(path), str(path))


def read_text(path: Path) -> str:
    """The file's text.

    Raises:
        ConfigError: the file cannot be read, or is not text.
    """
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise ConfigError(str(path), "", "no such file") from None
    except OSError as error:
        raise ConfigError(str(path), "", f"cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ConfigError(str(path), "", f"is not TOML: {error}") from error


def parse_toml(text: str, source: str) -> dict[str, Any]:
    """The tables of a file's text; `source` is what errors call it.

    Raises:
        ConfigError: it is not TOML.
    """
    try:
        return tomllib.loads(text)
    except ValueError as error:  # not only TOMLDecodeError: also numbers of thousands of digits
        raise ConfigError(source, "", f"is not TOML: {error}") from error
    except RecursionError:
        raise ConfigError(source, "", "is not TOML: nested too deeply") from None


def convert(value: object, shape: type[T], source: str, within: str = "") -> T:
    """`value` as `shape`; `within` is the key that it was found under.

    Raises:
        ConfigError: it does not fit; names the key below `within`.
    """
    try:
        return msgspec.convert(value, shape)
    except msgspec.ValidationError as error:
        key, reason = _key_and_reason(str(error))
        full_key = ".".join(part for part in (within, key) if part)
        raise ConfigError(source, full_key, reason) from None


def _key_and_reason(message: str) -> tuple[str, str]:
    found = _AT_PATH.match(message)
    key, reason = (found["path"], found["reason"]) if found else ("", message)
    unknown = _UNKNOWN_KEY.match(reason)
    if unknown:
        return ".".join(part for part in (key, unknown["name"]) if part), "is not a known key"
    reason = reason.replace(" | null", "")  # which TOML does not have
    if _UNQUOTED.search(reason):
        reason += ": write it in quotes"
    return key, reason[0].lower() + reason[1:]
