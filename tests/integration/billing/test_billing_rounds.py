"""What the writer does for payments beside writing, on real engines."""

import asyncio
from contextlib import suppress

import msgspec

from config.secrets import Secrets
from config.settings import DEFAULT_FOLDER, load_settings
from proxy.processes import billing_rounds as rounds_module
from proxy.processes.billing_rounds import Round, billing_rounds, go_round
from tests.support.books import Books
from tests.support.recharge_world import API_KEY, BELOW_MC, PACKAGES, open_recharge_world
from tests.support.waiting import until, until_answered


async def test_the_writer_recharges_by_itself(
    books: Books, database_url: str, redis_url: str
) -> None:
    """Auto-recharge: credits that run low are recharged without anybody asking."""
    async with open_recharge_world(books) as world:
        customer = await world.customer(amount_mc=BELOW_MC - 1)
        secrets = Secrets(
            database_url=database_url,
            redis_url=redis_url,
            admin_token="",
            key_secret=b"a key secret for tests",
            upstream_keys={},
            stripe_secret_key=API_KEY,
            stripe_api_base=world.url,
        )
        settings = msgspec.structs.replace(load_settings(DEFAULT_FOLDER, {}), smtp_host=None)
        async with billing_rounds(settings, secrets, PACKAGES):

            async def is_paid() -> bool:
                return await world.purchases(customer) == [("paid", None)]

            await until_answered(is_paid, "paid")
        assert len(await world.payments(customer)) == 1


async def test_an_error_does_not_end_a_round() -> None:
    """Who sells must not end who writes: whatever goes wrong, the next time comes."""
    calls: list[int] = []

    async def fail() -> None:
        calls.append(1)
        raise ValueError("a mistake")

    longest, rounds_module.LONGEST_PAUSE_S = rounds_module.LONGEST_PAUSE_S, 0.01
    task = asyncio.create_task(go_round(Round("test", fail, 0.01)))
    try:
        await until(lambda: len(calls) >= 3, calls)
    finally:
        rounds_module.LONGEST_PAUSE_S = longest
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
    assert task.cancelled()
