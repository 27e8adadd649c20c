"""Moments in configuration files: whole seconds, always with a time zone."""

from datetime import UTC, datetime

from config.errors import ConfigError

EXAMPLE = "2026-12-01T00:00:00Z"
# A zone can put the last day of the year 9999 behind the end of what a datetime can say.
_LAST_S = int(datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC).timestamp())


def read_moment(value: object, source: str, key: str) -> int:
    """A TOML date-time, or the same as ISO 8601 text, in seconds since 1970.

    Raises:
        ConfigError: it is none, has no time zone, names parts of a second, or is of no year that
            there is (1970 to 9999).
    """
    at = _parsed(value) if isinstance(value, str) else value
    if not isinstance(at, datetime):
        raise ConfigError(source, key, f"{_shown(value)} is not a time: write {EXAMPLE}")
    if at.tzinfo is None:
        reason = f"{_shown(value)} has no time zone: write {EXAMPLE}, or +02:00 in place of Z"
        raise ConfigError(source, key, reason)
    if at.microsecond:
        raise ConfigError(source, key, f"{_shown(value)} is no whole second: write {EXAMPLE}")
    moment_s = int(at.timestamp())
    if not 0 <= moment_s <= _LAST_S:
        years = "the years 1970 to 9999, in UTC"
        raise ConfigError(source, key, f"{_shown(value)} is not in {years}: write {EXAMPLE}")
    return moment_s


def moment_text(moment_s: int) -> str:
    """`2026-12-01T00:00:00Z`"""
    return f"{datetime.fromtimestamp(moment_s, UTC):%Y-%m-%dT%H:%M:%SZ}"


def _parsed(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None


def _shown(value: object) -> str:
    return repr(value) if isinstance(value, str) else str(value)
