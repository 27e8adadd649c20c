"""The rates of a running stack: its file, what its processes say, and what its rows tell."""

import json
import shutil
import time
from decimal import ROUND_CEILING, Decimal
from pathlib import Path
from typing import Any

import asyncpg

from config.rate_book import read_rate_book
from config.settings import DEFAULT_FOLDER
from tests.support.live_family import logged, workers, writers
from tests.support.up import Up
from tests.support.waiting import until

SHIPPED = (DEFAULT_FOLDER / "rates.toml").read_text(encoding="utf-8")
UPSTREAMS = frozenset({"openai"})

Row = dict[str, Any]


class LiveRates:
    """A config folder of a test's own, and the stack that works by it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.path = folder / "rates.toml"
        for file in DEFAULT_FOLDER.glob("*.toml"):
            shutil.copy(file, folder)

    @property
    def version(self) -> str:
        """The version of what the file says now."""
        return read_rate_book(self.path, UPSTREAMS).table_at(int(time.time())).version

    def write(self, input_rate: str, more: str = "") -> str:
        """Another input rate of gpt-4o-mini, written as a plain editor does; the version."""
        self.path.write_text(SHIPPED.replace('"2.4"', f'"{input_rate}"') + more)
        return self.version

    def replace(self, input_rate: str) -> str:
        """As `write`, in a file that takes the old one's place."""
        new = self.path.with_suffix(".new")
        new.write_text(SHIPPED.replace('"2.4"', f'"{input_rate}"'))
        new.replace(self.path)
        return self.version


async def in_force(up: Up, version: str) -> None:
    """Waits until a version is the last that parent, workers and writer have switched to."""

    def all_say_so() -> bool:
        family = [up.process.pid, *(process.pid for process in [*workers(up), *writers(up)])]
        latest = {line["pid"]: line["version"] for line in switches(up)}
        return [latest.get(pid) for pid in family] == [version] * 4

    await until(all_say_so, f"all have switched to {version}")


def switches(up: Up) -> list[dict[str, Any]]:
    """What processes have said about rates that came into force."""
    return logged(up.said, "rates_in_force")


async def rows_of(database: asyncpg.Connection) -> dict[str, Row]:
    """All usage rows, by their request ids."""
    rows = await database.fetch("select * from usage_records")
    return {str(row["request_id"]): dict(row) for row in rows}


async def known_rates(database: asyncpg.Connection) -> dict[str, dict[str, Any]]:
    """The rates of each version that was ever in force: by model, by dimension, as text."""
    found = {}
    for row in await database.fetch("select version, content from rate_versions"):
        found[row["version"]] = {
            name: {dimension: rate["text"] for dimension, rate in model["rates"].items()}
            for name, model in json.loads(row["content"]).items()
        }
    return found


def recomputed_mc(row: Row) -> int:
    """A row's charge, out of nothing but the row: units times rate, rounded up once."""
    units, rates = json.loads(row["units"]), json.loads(row["rates"])
    exact_mc = sum(Decimal(count) * Decimal(rates[name]) for name, count in units.items())
    return int(Decimal(exact_mc).to_integral_value(ROUND_CEILING))
