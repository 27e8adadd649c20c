"""What Redis counts of keys that have a limit, and what that should be."""

from datetime import UTC, datetime, timedelta

from ledger.redis_keys import account_keys
from tests.support.books import Books, Customer

LIMIT_MC = 1_000


async def limited(books: Books, amount_mc: int = 100_000, limit_mc: int = LIMIT_MC) -> Customer:
    """An account with a key that has a limit."""
    ada = await books.customer(amount_mc)
    await set_limit(books, ada, limit_mc)
    return ada


async def set_limit(books: Books, whose: Customer, limit_mc: int | None) -> None:
    await books.keys.set_monthly_limit(whose.key_id, limit_mc)
    await books.working_copy.apply_syncs(whose.account_id)


async def second_key(books: Books, whose: Customer, limit_mc: int | None = None) -> Customer:
    created = await books.keys.create(whose.account_id, "second", monthly_limit_mc=limit_mc)
    await books.working_copy.apply_syncs(whose.account_id)
    return Customer(whose.account_id, created.api_key.key_id, created.text)


async def spent(books: Books, whose: Customer) -> int:
    """What Redis has counted of the key's limit."""
    return (await limited_keys(books, whose))[whose.key_id]


async def fields_of(books: Books, whose: Customer) -> dict[str, str]:
    """What Redis has of limits: nothing of keys that have none."""
    found = await books.redis.hgetall(account_keys(whose.account_id).account)
    texts = {name.decode(): value.decode() for name, value in found.items()}
    return {name: texts[name] for name in texts if name.startswith(("limit:", "month:", "spent:"))}


async def assert_ties(books: Books, whose: Customer, charged_mc: int) -> None:
    """All is written: Redis has counted what the ledger has of the key's month."""
    await books.write(whose)
    await books.working_copy.apply_syncs(whose.account_id)
    assert await posted_mc_of(books, whose.key_id) == charged_mc
    assert await spent(books, whose) == charged_mc
    await books.lose_account(whose)
    await books.working_copy.ensure(whose.account_id)
    assert await spent(books, whose) == charged_mc


def this_month() -> str:
    return f"{datetime.now(UTC):%Y%m}"


def next_month() -> datetime:
    first = datetime.now(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    return (first + timedelta(days=32)).replace(day=1)


async def limited_keys(books: Books, customer: Customer) -> dict[str, int]:
    """Of each key that Redis knows a limit of, what it has counted in this month."""
    fields = await books.redis.hgetall(account_keys(customer.account_id).account)
    names = [name.decode() for name in fields if name.startswith(b"limit:")]
    return {
        name.removeprefix("limit:"): int(fields[name.replace("limit:", "spent:").encode()])
        for name in names
    }


async def posted_mc_of(books: Books, key_id: str) -> int:
    """What a key was charged in this month, by the ledger."""
    query = (
        "select coalesce(sum(charged_mc), 0)::bigint from usage_days where key_id = $1"
        " and day >= date_trunc('month', now() at time zone 'UTC')"
    )
    return int(await books.value(query, key_id))


async def expected_mc(
    books: Books, customer: Customer, key_id: str, written: set[tuple[str, str]]
) -> int:
    """What Redis should have counted: what is posted, less what it was not told of; what the key's
    calls hold; and what was taken of them and is not written.
    """
    name = account_keys(customer.account_id).account
    told = int(await books.redis.hget(name, "sync"))
    untold_mc = await books.value(
        "select coalesce(sum(amount_mc), 0)::bigint from balance_syncs"
        " where account_id = $1 and number > $2 and counted_key_id = $3",
        *(customer.account_id, told, key_id),
    )
    filed_mc = 0
    for request_id, value in (await books.filed(customer)).items():
        state, *rest = value.split(" ")
        if state == "H" and rest[2].endswith(key_id):
            filed_mc += int(rest[0])
        elif state == "T" and rest[-1].endswith(key_id) and (request_id, rest[0]) not in written:
            filed_mc += int(rest[1])
    return await posted_mc_of(books, key_id) + int(untold_mc) + filed_mc
