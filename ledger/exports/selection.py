"""Which part of the books is exported, and what its file is called. Pure."""

from datetime import UTC, datetime, time

import msgspec

_BEGINNING_OF_TIME = datetime(1, 1, 1, tzinfo=UTC)
_END_OF_TIME = datetime(9999, 12, 31, tzinfo=UTC)


class Selection(msgspec.Struct, frozen=True, kw_only=True):
    """What was posted from `start` to before `end`, of one account or all; None leaves it open."""

    account_id: str | None = None
    start: datetime | None = None
    end: datetime | None = None

    def arguments(self) -> tuple[str | None, datetime, datetime]:
        """As the queries take it."""
        return self.account_id, self.start or _BEGINNING_OF_TIME, self.end or _END_OF_TIME

    def file_name(self, what: str, extension: str) -> str:
        """`tollgate-usage-from-2026-11-01-to-2026-12-01.csv`: of letters that any system takes."""
        parts = ["tollgate", what]
        if self.account_id is not None:
            parts.append(self.account_id)
        if self.start is not None:
            parts += ["from", _moment(self.start)]
        if self.end is not None:
            parts += ["to", _moment(self.end)]
        return f"{'-'.join(parts)}.{extension}"


def _moment(at: datetime) -> str:
    at = at.astimezone(UTC)
    if at.time() == time():
        return f"{at:%Y-%m-%d}"
    return f"{at:%Y-%m-%dT%H%M%SZ}"
