"""Accounts and keys in Postgres."""

import asyncio
from datetime import UTC, datetime

import asyncpg
import pytest

from deploy.local.postgres_server import SUPERUSER, PostgresServer
from ledger.api_keys import BadLimitError, KeyUnknownError
from ledger.database import (
    DatabaseNotReadyError,
    DatabaseUnavailableError,
    acquired,
    connect_pool,
    transaction,
)
from ledger.errors import AccountUnknownError
from ledger.ids import new_id, partition_of
from ledger.pages import Window
from ledger.texts import BadTextError
from pricing.money import LARGEST_MC
from tests.support.people import HASHER, Desk


async def syncs_of(desk: Desk, account_id: str) -> list[tuple[int, str | None, int]]:
    async with acquired(desk.pool) as connection:
        rows = await connection.fetch(
            "select number, key_state, amount_mc from balance_syncs where account_id = $1"
            " order by number",
            account_id,
        )
    return [(row["number"], row["key_state"], row["amount_mc"]) for row in rows]


async def test_a_new_account_has_no_credits_and_a_partition_for_ever(desk: Desk) -> None:
    """Accounts are spread over 64 partitions by their id."""
    account = await desk.accounts.create(" Ada ", "ada@example.com")
    assert (account.name, account.email, account.balance_mc) == ("Ada", "ada@example.com", 0)
    assert await desk.accounts.get(account.account_id) == account
    async with acquired(desk.pool) as connection:
        stored = await connection.fetchval(
            "select redis_partition from accounts where id = $1", account.account_id
        )
    assert stored == partition_of(account.account_id)


async def test_accounts_are_listed_newest_first_in_pages(desk: Desk) -> None:
    """Each account once, over as many pages as it takes."""
    created = [(await desk.accounts.create(f"Account {number}")).account_id for number in range(5)]
    seen: list[str] = []
    page = await desk.accounts.page(Window(limit=2))
    seen += [account.account_id for account in page.rows]
    while page.next_position and not set(created) <= set(seen):
        page = await desk.accounts.page(Window(limit=2, below=page.next_position))
        seen += [account.account_id for account in page.rows]
    assert seen[:5] == created[::-1]


async def test_an_account_that_is_not_there_is_unknown(desk: Desk) -> None:
    """By an id that nobody has, and by what is no id."""
    for nobody in (new_id(), "7", ""):
        with pytest.raises(AccountUnknownError):
            await desk.accounts.get(nobody)
        with pytest.raises(AccountUnknownError):
            await desk.keys.create(nobody, "laptop")
        with pytest.raises(AccountUnknownError):
            await desk.keys.of_account(nobody)


async def test_a_name_that_cannot_be_stored_is_refused(desk: Desk) -> None:
    """It names the field."""
    with pytest.raises(BadTextError, match="name"):
        await desk.accounts.create("a\0b")
    with pytest.raises(BadTextError, match="email"):
        await desk.accounts.create("Ada", "nowhere")


async def test_of_a_key_only_hash_and_prefix_are_stored(desk: Desk) -> None:
    """Keys are shown once, stored as a keyed hash with a readable prefix."""
    account = await desk.accounts.create("Ada")
    created = await desk.keys.create(account.account_id, "laptop")
    async with acquired(desk.pool) as connection:
        row = await connection.fetchrow(
            "select * from api_keys where id = $1", created.api_key.key_id
        )
    assert row is not None
    assert row["key_hash"] == HASHER.hash(created.text)
    assert row["prefix"] == created.text[:12]
    assert created.text not in str(dict(row))
    assert created.text not in repr(created)
    assert await desk.keys.of_account(account.account_id) == [created.api_key]


async def test_creating_and_revoking_keys_is_numbered_for_redis_in_order(desk: Desk) -> None:
    """Changes of keys get the account's next sync number, without gaps."""
    account = await desk.accounts.create("Ada")
    first = await desk.keys.create(account.account_id, "laptop")
    await desk.keys.create(account.account_id, "server")
    revoked = await desk.keys.revoke(first.api_key.key_id)
    assert revoked.revoked_at is not None
    assert await syncs_of(desk, account.account_id) == [
        (1, "active", 0),
        (2, "active", 0),
        (3, "revoked", 0),
    ]


async def test_simultaneous_changes_of_keys_share_no_number(desk: Desk) -> None:
    """Numbers are given under the account's lock."""
    account = await desk.accounts.create("Ada")
    await asyncio.gather(*(desk.keys.create(account.account_id, "one") for _ in range(20)))
    numbers = [number for number, _, _ in await syncs_of(desk, account.account_id)]
    assert numbers == list(range(1, 21))


async def test_a_key_is_revoked_once_however_often_it_is_asked(desk: Desk) -> None:
    """A retry changes nothing."""
    account = await desk.accounts.create("Ada")
    key = (await desk.keys.create(account.account_id, "laptop")).api_key
    first, *others = await asyncio.gather(*(desk.keys.revoke(key.key_id) for _ in range(5)))
    assert all(other == first for other in others)
    assert [state for _, state, _ in await syncs_of(desk, account.account_id)] == [
        "active",
        "revoked",
    ]
    with pytest.raises(KeyUnknownError):
        await desk.keys.revoke(new_id())


async def test_redis_knows_of_a_key_and_of_its_end(desk: Desk) -> None:
    """A revoked key stops by the account's next sync."""
    account = await desk.account_with(1000)
    key = (await desk.keys.create(account.account_id, "laptop")).api_key
    await desk.working_copy.apply_syncs(account.account_id)
    assert await desk.working_copy.key_is_active(account.account_id, key.key_id)
    await desk.keys.revoke(key.key_id)
    await desk.working_copy.apply_syncs(account.account_id)
    assert not await desk.working_copy.key_is_active(account.account_id, key.key_id)


async def test_the_pool_acts_as_the_application_whoever_logs_in(
    postgres_server: PostgresServer, database_name: str
) -> None:
    """G6: even a superuser's URL is safe, also when a connection is used again."""
    url = postgres_server.url(database_name, SUPERUSER)
    async with await connect_pool(url, min_size=1, max_size=1) as pool:
        for _ in range(2):
            async with acquired(pool) as connection:
                assert await connection.fetchval("select current_user") == "tollgate_app"
                with pytest.raises(asyncpg.InsufficientPrivilegeError):
                    await connection.execute("delete from ledger_entries")


async def test_a_login_that_may_not_act_as_the_application_is_told_so(
    migration_database_url: str, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It says what to do, and nothing is read or written by another role."""
    with pytest.raises(DatabaseNotReadyError, match="log in as tollgate_app"):
        await connect_pool(migration_database_url, min_size=1, max_size=1)
    monkeypatch.setattr("ledger.database.APPLICATION_ROLE", "tollgate_never_made")
    with pytest.raises(DatabaseNotReadyError, match="tollgate migrate"):
        await connect_pool(database_url, min_size=1, max_size=1)


async def test_a_server_that_is_not_there_is_unavailable(database_url: str) -> None:
    """G10: at once, when the pool is opened or used, and by one name."""
    nowhere = "postgresql://postgres@/nowhere?host=/nonexistent"
    with pytest.raises(DatabaseUnavailableError):
        await connect_pool(nowhere, min_size=1, max_size=1)
    async with await connect_pool(nowhere, min_size=0, max_size=1) as pool:
        with pytest.raises(DatabaseUnavailableError):
            async with acquired(pool):
                pytest.fail("there is nothing to connect to")
    missing = database_url.replace("/test_", "/never_made_")
    assert missing != database_url
    with pytest.raises(DatabaseUnavailableError, match="does not exist"):
        await connect_pool(missing, min_size=1, max_size=1)


async def test_a_connection_that_is_lost_is_unavailable_and_the_next_one_works(desk: Desk) -> None:
    """G10: Postgres may restart under us."""

    async def lose_it() -> None:
        async with transaction(desk.pool) as connection:
            await connection.execute("select pg_terminate_backend(pg_backend_pid())")

    with pytest.raises(DatabaseUnavailableError):
        await lose_it()
    assert await desk.accounts.create("Ada")


async def limits_of(desk: Desk, account_id: str) -> list[tuple[str | None, int | None, int | None]]:
    async with acquired(desk.pool) as connection:
        rows = await connection.fetch(
            "select key_state, limit_mc, spent_mc from balance_syncs where account_id = $1"
            " order by number",
            account_id,
        )
    return [(row["key_state"], row["limit_mc"], row["spent_mc"]) for row in rows]


async def test_a_limit_is_numbered_for_redis_with_what_the_month_has_spent(desk: Desk) -> None:
    """Only what is new has a number; a limit that is lifted is told as 0."""
    account = await desk.account_with(0)
    created = await desk.keys.create(account.account_id, "laptop", monthly_limit_mc=100_000)
    key_id = created.api_key.key_id
    assert created.api_key.monthly_limit_mc == 100_000
    await desk.use(account.account_id, datetime.now(UTC), key_id=key_id, charge_mc=70)
    await desk.use(account.account_id, datetime(2026, 1, 1, tzinfo=UTC), key_id=key_id)
    for limit_mc in (5_000, 5_000, None, None):
        limited = await desk.keys.set_monthly_limit(key_id, limit_mc)
        assert (limited.monthly_limit_mc, limited.spent_this_month_mc) == (limit_mc, 70)
    await desk.keys.revoke(key_id)
    await desk.keys.set_monthly_limit(key_id, LARGEST_MC)
    assert await limits_of(desk, account.account_id) == [
        ("active", None, None),
        ("active", 100_000, 0),
        ("active", 5_000, 70),
        ("active", 0, 70),
        ("revoked", None, None),
        ("revoked", LARGEST_MC, 70),
    ]
    [listed] = await desk.keys.of_account(account.account_id)
    assert listed == await desk.keys.revoke(key_id)


@pytest.mark.parametrize("limit_mc", [0, -1, LARGEST_MC + 1])
async def test_a_limit_that_redis_cannot_count_is_refused(desk: Desk, limit_mc: int) -> None:
    """Limits are from one millicredit to what is exact in Redis."""
    account = await desk.account_with(0)
    with pytest.raises(BadLimitError):
        await desk.keys.create(account.account_id, "laptop", monthly_limit_mc=limit_mc)
    created = await desk.keys.create(account.account_id, "laptop")
    with pytest.raises(BadLimitError):
        await desk.keys.set_monthly_limit(created.api_key.key_id, limit_mc)


async def test_g12_a_key_of_another_account_is_unknown(desk: Desk) -> None:
    """G12: who names an account changes its keys only."""
    ada, bob = await desk.account_with(0), await desk.account_with(0)
    key_id = (await desk.keys.create(bob.account_id, "laptop")).api_key.key_id
    for account_id in (ada.account_id, new_id(), "", "7"):
        with pytest.raises(KeyUnknownError):
            await desk.keys.revoke(key_id, account_id=account_id)
        with pytest.raises(KeyUnknownError):
            await desk.keys.set_monthly_limit(key_id, 5, account_id=account_id)
    [untouched] = await desk.keys.of_account(bob.account_id)
    assert (untouched.revoked_at, untouched.monthly_limit_mc) == (None, None)
    limited = await desk.keys.set_monthly_limit(key_id, 5, account_id=bob.account_id)
    assert limited.monthly_limit_mc == 5
    assert (await desk.keys.revoke(key_id, account_id=bob.account_id)).revoked_at is not None


async def test_whether_a_key_has_a_limit_is_known_of_the_accounts_own_keys(desk: Desk) -> None:
    """Another account's key has none, as one that is not there."""
    ada, bob = await desk.account_with(5_000), await desk.account_with(5_000)
    limited = await desk.keys.create(ada.account_id, "Limited", monthly_limit_mc=1_000)
    free = await desk.keys.create(ada.account_id, "Free")
    assert await desk.keys.has_limit(ada.account_id, limited.api_key.key_id)
    assert not await desk.keys.has_limit(ada.account_id, free.api_key.key_id)
    assert not await desk.keys.has_limit(bob.account_id, limited.api_key.key_id)
    assert not await desk.keys.has_limit(ada.account_id, new_id())
    with pytest.raises(KeyUnknownError):
        await desk.keys.has_limit(ada.account_id, "none")
    with pytest.raises(AccountUnknownError):
        await desk.keys.has_limit("none", free.api_key.key_id)
