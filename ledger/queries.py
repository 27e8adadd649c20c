"""SQL statements by name, out of `ledger/sql/*.sql`: each begins with a line `-- name: …`."""

import re
from functools import cache
from importlib.resources import files

_HEADER = re.compile(r"^-- name: (?P<name>[a-z0-9_]+)$", re.MULTILINE)


class UnknownQueryError(LookupError):
    """No statement of that name is in the file."""


class Queries:
    """The statements of one file: `queries["insert_account"]`."""

    def __init__(self, topic: str, statements: dict[str, str]) -> None:
        self.topic = topic
        self._statements = statements

    def __getitem__(self, name: str) -> str:
        try:
            return self._statements[name]
        except KeyError:
            raise UnknownQueryError(f"no query {name!r} in {self.topic}.sql") from None

    def names(self) -> frozenset[str]:
        """All names of the file."""
        return frozenset(self._statements)


@cache
def load_queries(topic: str) -> Queries:
    """The statements of `ledger/sql/<topic>.sql`."""
    return read_queries("ledger", topic)


def read_queries(package: str, topic: str) -> Queries:
    """The statements of `<package>/sql/<topic>.sql`."""
    text = files(package).joinpath("sql", f"{topic}.sql").read_text(encoding="utf-8")
    parts = _HEADER.split(text)[1:]
    names, bodies = parts[::2], parts[1::2]
    return Queries(topic, {name: body.strip() for name, body in zip(names, bodies, strict=True)})
