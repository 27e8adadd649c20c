"""Times that people give to commands: ISO dates and times, in UTC where they name no zone."""

from datetime import UTC, datetime, timedelta

import click

DEFAULT_PERIOD = timedelta(days=30)
_FIRST = datetime.min.replace(tzinfo=UTC)


class Moment(click.ParamType[datetime]):
    """A time in UTC; a date means its start."""

    name = "time"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> datetime:
        """The time that a text says; click says which option is wrong otherwise."""
        if isinstance(value, datetime):
            return value
        try:
            at = datetime.fromisoformat(str(value))
            return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
        except (ValueError, OverflowError):
            form = "2026-01-31 or 2026-01-31T12:00:00Z"
            self.fail(f"{value!r} is not a date or time: write it like {form}", param, ctx)


def period_of(
    start: datetime | None, end: datetime | None, now: datetime
) -> tuple[datetime, datetime]:
    """The period from `start` to before `end`: until now, and of 30 days, where they are None.

    Raises:
        click.BadParameter: it begins at its end or after it.
    """
    end = end or now
    start = start or max(end, _FIRST + DEFAULT_PERIOD) - DEFAULT_PERIOD
    if start >= end:
        raise click.BadParameter(
            f"{_shown(start)} is not before {_shown(end)}, where the period ends",
            param_hint="'--from'",
        )
    return start, end


def _shown(at: datetime) -> str:
    return at.isoformat(timespec="seconds").replace("+00:00", "Z")
