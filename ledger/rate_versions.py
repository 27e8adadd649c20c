"""Which rates were in force when: each version once, and a line for each time it was applied."""

from collections.abc import Mapping
from datetime import datetime
from typing import Literal
from uuid import UUID

import asyncpg
import msgspec

from config.rates import ModelRates
from ledger.database import acquired, transaction
from ledger.ids import new_id
from ledger.pages import Page, Position, Window, page_of
from ledger.queries import load_queries

ApplicationReason = Literal["start", "file changed", "signal", "schedule"]
LOCK = 0x72617465

_QUERIES = load_queries("rate_versions")
_decode_models = msgspec.json.Decoder(dict[str, ModelRates]).decode


class RateApplication(msgspec.Struct, frozen=True, kw_only=True):
    """Rates that came into force.

    `applied_at` is when a process took them, `in_force_from` since when they are in force (of a
    file that is as it was before a restart, that is earlier). `file_owner` owns `source` on `host`.
    """

    version: str
    models: Mapping[str, ModelRates]
    applied_at: datetime
    in_force_from: datetime
    reason: ApplicationReason
    host: str
    source: str
    file_owner: str
    application_id: str | None = None


class RateVersions:
    """Keeps them. All methods raise DatabaseUnavailableError when Postgres is away."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool

    async def remember(self, application: RateApplication) -> None:
        """Notes that rates came into force: once, however many processes tell of it."""
        content = msgspec.json.encode(application.models).decode()
        async with transaction(self._pool) as connection:
            await connection.execute(_QUERIES["lock_applications"], LOCK)
            await connection.execute(_QUERIES["insert_rate_version"], application.version, content)
            await connection.execute(
                _QUERIES["insert_application"],
                new_id(),
                application.version,
                application.applied_at,
                application.in_force_from,
                application.reason,
                application.host,
                application.source,
                application.file_owner,
            )

    async def history(self, window: Window) -> Page[RateApplication]:
        """What came into force, the newest first."""
        async with acquired(self._pool) as connection:
            rows = await connection.fetch(
                _QUERIES["applications"], *window.bounds(), window.limit + 1
            )
        return page_of([_application(row) for row in rows], window.limit, _position)

    async def in_force(self) -> RateApplication | None:
        """What was applied last; None where nothing ever was."""
        page = await self.history(Window(limit=1))
        return page.rows[0] if page.rows else None


def _application(row: asyncpg.Record) -> RateApplication:
    return RateApplication(
        application_id=str(row["id"]),
        version=row["version"],
        models=_decode_models(row["content"]),
        applied_at=row["applied_at"],
        in_force_from=row["in_force_from"],
        reason=row["reason"],
        host=row["host"],
        source=row["source"],
        file_owner=row["file_owner"],
    )


def _position(application: RateApplication) -> Position:
    return Position(application.applied_at, UUID(application.application_id))
