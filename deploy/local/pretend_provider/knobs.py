"""The behaviour that a request asks for with `x-pretend-*` headers."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from deploy.local.pretend_provider.errors import ProviderError, invalid

PREFIX = "x-pretend-"
# Enough for any test, and little enough not to fill a machine's memory by a slip of a finger.
_MOST = 100_000_000
_LONGEST_S = 3600.0


@dataclass(frozen=True, slots=True)
class Knobs:
    """One field for each header: `x-pretend-output-tokens` is `output_tokens`."""

    output_tokens: int | None = None
    input_tokens: int | None = None
    cached_tokens: int = 0
    reasoning_tokens: int = 0
    status: int | None = None
    delay_s: float = 0.0
    chunk_delay_s: float = 0.0
    hang: bool = False
    cut_after: int | None = None
    reset_after: int | None = None
    error_after: int | None = None
    no_usage: bool = False
    usage_in_last_content: bool = False
    no_done: bool = False
    crlf: bool = False
    split: bool = False
    gzip: bool = False
    huge: int = 0


def read_knobs(headers: Mapping[str, str]) -> Knobs:
    """The knobs that the headers turn. Raises ProviderError (400) for an unknown or bad one."""
    values: dict[str, int | float | bool] = {}
    for header, value in headers.items():
        name = header.lower()
        if name.startswith(PREFIX):
            values[name.removeprefix(PREFIX).replace("-", "_")] = _read(name, value)
    knobs = Knobs(**values) if values else _NONE  # type: ignore[arg-type]
    if knobs.output_tokens is not None and knobs.reasoning_tokens > knobs.output_tokens:
        raise _bad("x-pretend-reasoning-tokens", "is more than x-pretend-output-tokens")
    return knobs


def _read(name: str, value: str) -> int | float | bool:
    reader = _READERS.get(name)
    if reader is None:
        raise _bad(name, "is not known")
    return reader(name, value)


def _whole(name: str, value: str) -> int:
    if not (value.isascii() and value.isdigit()) or len(value) > len(str(_MOST)):
        raise _bad(name, "must be a whole number")
    if int(value) > _MOST:
        raise _bad(name, f"must be at most {_MOST}")
    return int(value)


def _status(name: str, value: str) -> int:
    status = _whole(name, value)
    if not 400 <= status <= 599:
        raise _bad(name, "must be from 400 to 599")
    return status


def _seconds(name: str, value: str) -> float:
    try:
        seconds = float(value)
    except ValueError:
        seconds = math.nan
    if not 0 <= seconds <= _LONGEST_S:
        raise _bad(name, f"must be seconds, from 0 to {_LONGEST_S:.0f}")
    return seconds


def _switch(name: str, value: str) -> bool:
    if value not in {"0", "1"}:
        raise _bad(name, "must be 0 or 1")
    return value == "1"


def _bad(name: str, reason: str) -> ProviderError:
    return invalid(f"The header {name} {reason}.", name, "invalid_pretend_header")


_NONE = Knobs()
_READERS: dict[str, Callable[[str, str], int | float | bool]] = {
    "x-pretend-output-tokens": _whole,
    "x-pretend-input-tokens": _whole,
    "x-pretend-cached-tokens": _whole,
    "x-pretend-reasoning-tokens": _whole,
    "x-pretend-status": _status,
    "x-pretend-delay-s": _seconds,
    "x-pretend-chunk-delay-s": _seconds,
    "x-pretend-hang": _switch,
    "x-pretend-cut-after": _whole,
    "x-pretend-reset-after": _whole,
    "x-pretend-error-after": _whole,
    "x-pretend-no-usage": _switch,
    "x-pretend-usage-in-last-content": _switch,
    "x-pretend-no-done": _switch,
    "x-pretend-crlf": _switch,
    "x-pretend-split": _switch,
    "x-pretend-gzip": _switch,
    "x-pretend-huge": _whole,
}
