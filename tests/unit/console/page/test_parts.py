"""What parts of the page choose to show."""

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta

import pytest

from console.page.parts.keys import SHOWN, KeysPart
from console.page.parts.spending import SpendingPart
from console.page.parts.usage import KEYS_OFFERED, UsagePart
from console.page.query import PageQuery
from console.page.visitor import Visitor
from ledger.api_keys import ApiKey
from ledger.pages import Page, Window
from ledger.reports import UsageFilter, UsageRow
from ledger.spending import DaySpending
from ledger.working_copy import WorkingBalance
from tests.support.rates import shipped_table

VISITOR = Visitor(account_id="01a2257c", way="link", token="a token")
NOW = datetime(2026, 11, 29, tzinfo=UTC)


def key(number: int, *, used_days_ago: int | None = None, revoked: bool = False) -> ApiKey:
    return ApiKey(
        key_id=f"01a2257c-0000-7000-8000-{number:012d}",
        account_id="01a2257c",
        name=f"key {number}",
        prefix="sk-tg-abcdef",
        created_at=NOW,
        revoked_at=NOW if revoked else None,
        last_used_at=None if used_days_ago is None else NOW - timedelta(days=used_days_ago),
    )


class Keys:
    def __init__(self, keys: list[ApiKey]) -> None:
        self._keys = keys

    async def of_account(self, account_id: str) -> list[ApiKey]:
        return self._keys


class Calls:
    async def usage(self, wanted: UsageFilter, window: Window) -> Page[UsageRow]:
        return Page([], None)


class Spent:
    """Credits that were spent so many days ago."""

    def __init__(self, charged_mc: Mapping[int, int]) -> None:
        self._today = datetime.now(UTC).date()
        self._charged_mc = charged_mc

    async def by_day(self, account_id: str, *, since: date) -> list[DaySpending]:
        days = [
            DaySpending(
                day=self._today - timedelta(days=ago), model="gpt-4o", calls=1, charged_mc=amount
            )
            for ago, amount in sorted(self._charged_mc.items(), reverse=True)
        ]
        return [one for one in days if one.day >= since]

    async def models(self, account_id: str) -> list[str]:
        return ["gpt-4o"]


class Balance:
    def __init__(self, available_mc: int = 70_000) -> None:
        self._available_mc = available_mc

    async def balance(self, account_id: str) -> WorkingBalance:
        return WorkingBalance(available_mc=self._available_mc, held_mc=5_000, unwritten_mc=0)


async def test_many_keys_are_shown_when_they_are_asked_for() -> None:
    """An account with hundreds of keys has a page of the usual size."""
    keys = [key(number, revoked=number % 2 == 1) for number in range(100)]
    part = KeysPart(Keys(keys))  # type: ignore[arg-type]
    few = await part.load(VISITOR, PageQuery({}))
    assert (len(few["good"]), few["more_good"]) == (SHOWN, 50 - SHOWN)
    assert (len(few["revoked"]), few["more_revoked"]) == (SHOWN, 50 - SHOWN)
    every = await part.load(VISITOR, PageQuery({"keys": "all"}))
    assert (len(every["good"]), every["more_good"], every["more_revoked"]) == (50, 0, 0)


async def test_the_keys_to_filter_by_are_those_used_last_and_the_chosen_one() -> None:
    """A filter that is in the address is in the list, too."""
    keys = [
        *(key(number) for number in range(200)),
        key(300, used_days_ago=9),
        key(301, used_days_ago=1),
    ]
    chosen = keys[150].key_id
    part = UsagePart(Calls(), Spent({}), Keys(keys), shipped_table)  # type: ignore[arg-type]
    offered = (await part.load(VISITOR, PageQuery({"keyId": chosen})))["keys"]
    assert [one.name for one in offered[:3]] == ["key 301", "key 300", "key 0"]
    assert len(offered) == KEYS_OFFERED + 1
    assert offered[-1].key_id == chosen


@pytest.mark.parametrize(
    ("charged_mc", "days_left"),
    [
        ({0: 10_000, 3: 10_000, 40: 1}, 24),  # 20 in a week, 70 are left
        ({0: 7_000, 30: 1}, 70),  # silent for a month: a seventh of today a day
        ({0: 10_000}, 7),  # the first day
        ({0: 10_000, 1: 10_000}, 7),  # the second
        ({20: 10_000}, None),  # nothing lately
        ({0: -5}, None),
        ({0: 10**9}, 0),
    ],
)
async def test_the_pace_is_of_the_last_week_or_of_an_accounts_first_days(
    charged_mc: Mapping[int, int], days_left: int | None
) -> None:
    """Of what is available: what calls hold may be spent already."""
    part = SpendingPart(Spent(charged_mc), Balance(), shipped_table)  # type: ignore[arg-type]
    for days in ("7", "90"):
        shown = await part.load(VISITOR, PageQuery({"days": days}))
        assert shown["days_left"] == days_left


async def test_where_nothing_is_left_there_are_no_days_to_tell_of() -> None:
    """A balance may be below zero, by a refund or a dispute."""
    for available_mc in (0, -1_000):
        part = SpendingPart(Spent({0: 10_000}), Balance(available_mc), shipped_table)  # type: ignore[arg-type]
        assert (await part.load(VISITOR, PageQuery({})))["days_left"] is None
