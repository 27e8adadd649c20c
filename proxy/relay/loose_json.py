"""JSON as some providers write it: with NaN, with half a surrogate pair, with a byte order mark."""

import json
import re
from typing import Any

import msgspec

UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)

_WHOLE_NUMBER = re.compile(r"-?\d+\.0+")
_LONGEST_NUMBER = 20


def loose_object(data: bytes) -> dict[str, Any]:
    """The object; empty where the data is none. Whole numbers are integers, also `12.0`."""
    try:
        decoded = json.loads(data, parse_int=_bounded_int, parse_float=_whole_or_text)
    except (ValueError, RecursionError):
        return {}
    return decoded if isinstance(decoded, dict) else {}


def is_json_object(data: bytes) -> bool:
    """Whether an answer is one whole JSON object."""
    try:
        msgspec.json.decode(data, type=dict[str, msgspec.Raw])
    except UNREADABLE:
        return bool(loose_object(data))
    return True


def _bounded_int(text: str) -> int | str:
    return int(text) if len(text) < _LONGEST_NUMBER else text


def _whole_or_text(text: str) -> int | str:
    whole = _WHOLE_NUMBER.fullmatch(text)
    return _bounded_int(text.partition(".")[0]) if whole else text
