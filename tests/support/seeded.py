"""Databases with made-up books in them, for tests that need many rows of all sorts."""

from datetime import UTC, datetime

from config.settings import DEFAULT_FOLDER
from tests.bench.seed import seed
from tests.bench.seeded_books import SeededAccount
from tests.support.engines import run_apart

UNTIL = datetime(2026, 9, 1, tzinfo=UTC)
DAYS = 60


def seeded_books(
    database_url: str,
    migration_database_url: str,
    *,
    rows: int,
    accounts: int = 3,
    seed_number: int = 1,
) -> list[SeededAccount]:
    """Books of July and August 2026, the busiest account first."""
    environment = {
        "TOLLGATE_CONFIG_DIR": str(DEFAULT_FOLDER),
        "TOLLGATE_DATABASE_URL": database_url,
        "TOLLGATE_MIGRATION_DATABASE_URL": migration_database_url,
    }
    making = seed(
        environment,
        rows=rows,
        accounts=accounts,
        days=DAYS,
        seed_number=seed_number,
        until=UNTIL,
    )
    return run_apart(making)
