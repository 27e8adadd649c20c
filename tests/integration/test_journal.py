"""The journal: double entry, closed by hledger and ledger to what the API shows."""

import asyncio
import re
import shutil
import subprocess
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import asyncpg
import pytest

from console.exports import journal_export
from ledger.chart import PAYMENTS, STRIPE
from ledger.database import connect_pool
from ledger.entries import Entries
from ledger.expirer import Expirer
from ledger.exports.export import pieces_of
from ledger.exports.selection import Selection
from ledger.ids import new_id
from ledger.pipeline import open_pipeline
from ledger.posting import ENTRY_TYPES, Posting
from ledger.redis_copy import RedisWorkingCopy
from tests.support.pretend import chat, knobs
from tests.support.stack import Customer, Stack

HLEDGER, LEDGER = shutil.which("hledger"), shutil.which("ledger")
HOSTILE = "Wrong; grant | 12:00  * = 5 CR ; (x) [2020-01-01] date:2020-01-01, tag:"

needs_hledger = pytest.mark.skipif(HLEDGER is None, reason="hledger is not installed here")
needs_ledger = pytest.mark.skipif(LEDGER is None, reason="ledger is not installed here")


@dataclass
class World:
    """A stack in whose ledger every type of entry stands, for two customers."""

    stack: Stack
    pool: asyncpg.Pool
    middle: datetime

    async def journal(self, **selected: Any) -> str:
        export = journal_export(Selection(**selected), 1000)
        return b"".join([piece async for piece in pieces_of(self.pool, export)]).decode()

    async def first_posted_after(self, moment: datetime) -> int:
        query = "select count(*) from ledger_entries where posted_at >= $1"
        return int(await self.pool.fetchval(query, moment))


@pytest.fixture
async def world(stack: Stack, database_url: str, redis_url: str) -> AsyncIterator[World]:
    pool = await connect_pool(database_url, min_size=0, max_size=4)
    try:
        first = await make_entries(stack, pool)
        middle = datetime.now(UTC)
        await asyncio.sleep(0.001)
        await make_entries(stack, pool)
        await expire(stack, pool, redis_url)
        await stack.settled()
        assert first.account_id
        yield World(stack, pool, middle)
    finally:
        await pool.close()


async def make_entries(stack: Stack, pool: asyncpg.Pool) -> Customer:
    """All types of entries but expiry, with hostile texts; some credits that will expire."""
    customer = await stack.customer("50.5")
    entries = Entries(pool)
    soon = datetime.now(UTC) + timedelta(days=1)

    async def post(entry_type: Any, amount_mc: int, **changes: Any) -> str:
        values = {"description": HOSTILE, "actor": "a; b", "idempotency_key": new_id(), **changes}
        posted = await entries.post(
            Posting(
                account_id=customer.account_id,
                entry_type=entry_type,
                amount_mc=amount_mc,
                **values,
            )
        )
        return posted.entry.entry_id

    paid = await post("purchase", 9_990_000, counter_account=STRIPE, ref="pi_1, [x]; y: z")
    await post("bonus", 499_500)
    await post("refund", -1_234, corrects=paid)
    await post("dispute", -50_000, corrects=paid)
    await post("dispute", 25_001, corrects=paid)
    await post("adjustment", -1)
    # After what takes credits: those that expire are used first.
    other = {"counter_account": PAYMENTS, "expires_at": soon, "receipt_url": "https://r.example/1"}
    await post("purchase", 20_001, **other)
    await post("grant", 7_001, expires_at=soon)
    for tokens in (1, 333):
        response = await stack.post(
            customer, chat(max_tokens=400), knobs(output_tokens=tokens, input_tokens=11)
        )
        assert response.status == 200
    await stack.settled()
    rows = await stack.get(customer, "/credits/ledger?type=usage")
    await post("adjustment", 1, corrects=rows["data"][0]["id"])
    return customer


async def expire(stack: Stack, pool: asyncpg.Pool, redis_url: str) -> None:
    """Lets the credits expire that do so soon."""
    await stack.settled()
    async with open_pipeline(redis_url) as pipeline:
        expirer = Expirer(pipeline, pool, RedisWorkingCopy(pipeline, pool))
        assert await expirer.expire(datetime.now(UTC) + timedelta(days=2))
    await stack.settled()


async def test_g7_every_transactions_postings_sum_to_zero(world: World) -> None:
    """G7: double entry; what customers have is what was given to them less what they used."""
    database = world.stack.database
    types = await database.fetch("select distinct entry_type from ledger_entries")
    assert {row["entry_type"] for row in types} == set(ENTRY_TYPES)
    unbalanced = await database.fetch(
        "select id from postings group by id having sum(amount_mc) <> 0 or count(*) <> 2"
    )
    assert unbalanced == []
    for customer in world.stack.customers:
        owed_mc = await database.fetchval(
            "select -sum(amount_mc)::bigint from postings where ledger_account = $1",
            f"liabilities:credits:{customer.account_id}",
        )
        assert owed_mc == await world.stack.balance_mc(customer)


@needs_hledger
async def test_g7_hledger_closes_the_journal_to_the_api(world: World) -> None:
    """G7: strict checks pass, with the balance that each transaction asserts."""
    journal = await world.journal()
    hledger(journal, "check", "--strict")
    for customer in world.stack.customers:
        balance_mc = await world.stack.balance_mc(customer)
        assert owed_by_hledger(journal, customer) == Decimal(balance_mc) / 1000
    assert all(f"type: {entry_type}\n" in journal for entry_type in ENTRY_TYPES)


@needs_ledger
async def test_g7_ledger_closes_the_journal_to_the_api(world: World) -> None:
    """G7: the other reader of such journals, at its strictest."""
    journal = await world.journal()
    for customer in world.stack.customers:
        account = f"liabilities:credits:{customer.account_id}"
        shown = ledger(
            journal, "--pedantic", "balance", account, "--format", "%(quantity(total))\n"
        )
        balance_mc = await world.stack.balance_mc(customer)
        assert Decimal(shown.strip()) == Decimal(-balance_mc) / 1000


@needs_hledger
async def test_g7_a_part_of_time_opens_with_what_was_before(world: World) -> None:
    """G7: balance assertions hold from the middle on; both parts end where the whole does."""
    late = await world.journal(start=world.middle)
    old, new = world.stack.customers
    opened = set(re.findall(r"Balance before\n    liabilities:credits:(\S+)", late))
    assert old.account_id in opened
    assert new.account_id not in opened
    assert late.count("    ; id: ") == await world.first_posted_after(world.middle)
    hledger(late, "check", "--strict")
    for customer in world.stack.customers:
        balance_mc = await world.stack.balance_mc(customer)
        assert owed_by_hledger(late, customer) == Decimal(balance_mc) / 1000
    early = await world.journal(end=world.middle)
    hledger(early, "check", "--strict")
    assert early.count("    ; id: ") + late.count("    ; id: ") == (await world.journal()).count(
        "    ; id: "
    )


@needs_hledger
async def test_g12_a_journal_of_one_account_names_no_other(world: World) -> None:
    """G12: strict checks pass for it alone."""
    one, other = world.stack.customers
    journal = await world.journal(account_id=one.account_id)
    hledger(journal, "check", "--strict")
    assert other.account_id not in journal
    balance_mc = await world.stack.balance_mc(one)
    assert owed_by_hledger(journal, one) == Decimal(balance_mc) / 1000


@needs_hledger
async def test_a_changed_amount_fails_the_check(world: World) -> None:
    """G7: the assertions have teeth."""
    journal = await world.journal()
    damaged = journal.replace(" 1.234 CR", " 1.235 CR").replace(" -1.234 CR", " -1.235 CR")
    assert damaged != journal
    with pytest.raises(subprocess.CalledProcessError):
        hledger(damaged, "check", "assertions")


def owed_by_hledger(journal: str, customer: Customer) -> Decimal:
    shown = hledger(
        journal, "balance", f"liabilities:credits:{customer.account_id}", "-O", "csv", "-N"
    )
    return -Decimal(shown.rsplit('"', 2)[1].removesuffix(" CR"))


def hledger(journal: str, *arguments: str) -> str:
    return _asked([str(HLEDGER), "-f-", *arguments], journal)


def ledger(journal: str, *arguments: str) -> str:
    return _asked([str(LEDGER), "-f", "-", *arguments], journal)


def _asked(command: list[str], journal: str) -> str:
    return subprocess.run(command, input=journal, text=True, check=True, capture_output=True).stdout
