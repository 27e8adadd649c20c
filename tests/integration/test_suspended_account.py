"""An account whose payment is in dispute: its calls are refused, its own pages are not."""

import asyncpg

from ledger.database import connect_pool, transaction
from ledger.suspension import set_suspended
from tests.support.stack import Stack


async def suspend(database_url: str, account_id: str, *, is_suspended: bool) -> None:
    pool: asyncpg.Pool = await connect_pool(database_url, min_size=0, max_size=1)
    try:
        async with transaction(pool) as connection:
            assert await set_suspended(connection, account_id, is_suspended=is_suspended)
        async with transaction(pool) as connection:
            assert not await set_suspended(connection, account_id, is_suspended=is_suspended)
    finally:
        await pool.close()


async def test_calls_of_a_suspended_account_are_refused_and_its_balance_is_shown(
    stack: Stack, database_url: str
) -> None:
    """403 `account_suspended`, nothing forwarded, nothing held; later all is as it was."""
    customer = await stack.customer("50")
    await suspend(database_url, customer.account_id, is_suspended=True)
    await stack.settled()
    body = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "Hello"}]}
    refused = await stack.post(customer, body)
    error = (await refused.json())["error"]
    assert (refused.status, error["code"]) == (403, "account_suspended")
    assert refused.headers["x-should-retry"] == "false"
    balance = await stack.get(customer, "/credits/balance")
    assert balance["availableMillicredits"] == "50000"
    await suspend(database_url, customer.account_id, is_suspended=False)
    await stack.settled()
    assert (await stack.post(customer, body)).status == 200
