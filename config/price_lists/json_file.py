"""Reads a JSON file whose numbers stay as they are written."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

from config.errors import ConfigError
from config.price_lists.numbers import json_number


class JsonObject(dict[str, Any]):
    """An object of JSON that remembers which of its names were given twice."""

    repeated: frozenset[str] = frozenset()


def load_json(path: Path) -> object:
    """The value in a file; its numbers are Decimals, its objects JsonObjects.

    Raises:
        ConfigError: the file cannot be read, or is not JSON.
    """
    try:
        return json.loads(
            path.read_text(encoding="utf-8-sig"),
            parse_float=json_number,
            parse_int=json_number,
            parse_constant=str,
            object_pairs_hook=_object,
        )
    except FileNotFoundError:
        raise ConfigError(str(path), "", "no such file") from None
    except OSError as error:
        raise ConfigError(str(path), "", f"cannot be read: {error.strerror}") from error
    except RecursionError:
        raise ConfigError(str(path), "", "is nested too deeply for a price list") from None
    except ValueError as error:
        raise ConfigError(str(path), "", f"is not JSON: {error}") from error


def _object(pairs: list[tuple[str, Any]]) -> JsonObject:
    content = JsonObject(pairs)
    if len(content) < len(pairs):
        times = Counter(name for name, _ in pairs)
        content.repeated = frozenset(name for name, count in times.items() if count > 1)
    return content
