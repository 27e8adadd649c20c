"""Books to be damaged by hand."""

from collections.abc import AsyncIterator

import pytest

from deploy.local.postgres_server import SUPERUSER, PostgresServer
from tests.support.audit import Audit, open_audit
from tests.support.books import open_books


@pytest.fixture
async def audit(
    postgres_server: PostgresServer, database_name: str, redis_url: str
) -> AsyncIterator[Audit]:
    url = postgres_server.url(database_name)
    async with (
        open_books(url, redis_url) as books,
        open_audit(books, postgres_server.url(database_name, SUPERUSER)) as opened,
    ):
        yield opened
