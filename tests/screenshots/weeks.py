"""Six made-up weeks of a customer: quiet weekends, a slow rise, one day that stands out."""

import random
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta

import asyncpg

from tests.bench.seed import Span, seed_spans

NAME = "Northwind Labs"
KEYS = ("Production", "Staging", "Notebook")
DAYS = 44
SEED = 20

_A_DAY = timedelta(days=1)
_SATURDAY = 5
_USUAL_CALLS, _RISE = 60, 1.6
_WEEKEND, _BUSY = 0.35, 1.45
_BUSY_DAY_AGO = 9


def spans(now: datetime) -> Iterator[Span]:
    """The days until now; today is as far on as the clock."""
    chance = random.Random(SEED)
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    for ago in range(DAYS, -1, -1):
        start = midnight - ago * _A_DAY
        end = min(start + _A_DAY, now)
        calls = _calls(start, ago, chance) * ((end - start) / _A_DAY)
        if calls >= 1:
            yield Span(int(calls), start, end)


async def write(environment: Mapping[str, str], now: datetime) -> str:
    """Writes them into a new stack's database; returns the account's id."""
    (account,) = await seed_spans(environment, [*spans(now)], accounts=1, seed_number=SEED)
    connection = await asyncpg.connect(environment["TOLLGATE_MIGRATION_DATABASE_URL"])
    try:
        rename = "update accounts set name = $2 where id = $1"
        await connection.execute(rename, account.account_id, NAME)
        for key_id, name in zip(account.key_ids, KEYS, strict=True):
            await connection.execute("update api_keys set name = $2 where id = $1", key_id, name)
    finally:
        await connection.close()
    return str(account.account_id)


def _calls(day: datetime, ago: int, chance: random.Random) -> float:
    rise = 1 + (_RISE - 1) * (DAYS - ago) / DAYS
    weekday = _WEEKEND if day.weekday() >= _SATURDAY else 1
    busy = _BUSY if ago == _BUSY_DAY_AGO else 1
    return _USUAL_CALLS * rise * weekday * busy * chance.uniform(0.75, 1.25)
