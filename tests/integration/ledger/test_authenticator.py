"""From a key to its account: out of memory, else Redis, else Postgres."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import pytest

from ledger import authentication
from ledger.authentication import Authenticator, Identity
from ledger.database import DatabaseUnavailableError
from ledger.errors import RedisUnavailableError
from ledger.pipeline import Reply
from ledger.redis_keys import identity_key
from tests.support.books import HASHER, Books, Customer
from tests.support.waiting import until


class Asked:
    """Counts what Redis and Postgres are asked, and takes either away."""

    def __init__(self, books: Books) -> None:
        self._books = books
        self.redis = self.postgres = 0
        self.redis_is_away = self.postgres_is_away = False
        self.lets_postgres_answer = asyncio.Event()
        self.lets_postgres_answer.set()

    async def command(self, name: str, *arguments: Any) -> Reply:
        self.redis += 1
        if self.redis_is_away:
            raise RedisUnavailableError("away")
        return await self._books.pipeline.command(name, *arguments)

    @asynccontextmanager
    async def acquire(self, *, timeout: float) -> AsyncIterator[Any]:  # noqa: ASYNC109 - as a pool
        self.postgres += 1
        if self.postgres_is_away:
            raise ConnectionRefusedError
        async with self._books.pool.acquire(timeout=timeout) as connection:
            await self.lets_postgres_answer.wait()
            yield connection

    @contextmanager
    def counts(self, *, redis: int, postgres: int) -> Iterator[None]:
        before = self.redis, self.postgres
        yield
        assert (self.redis - before[0], self.postgres - before[1]) == (redis, postgres)


@pytest.fixture
async def asked(books: Books) -> Asked:
    return Asked(books)


@pytest.fixture
def authenticator(asked: Asked) -> Authenticator:
    return Authenticator(HASHER, asked, asked)


def identity_of(customer: Customer) -> Identity:
    return Identity(customer.account_id, customer.key_id, customer.key[:12])


async def test_a_key_is_looked_up_once_and_then_known(
    books: Books, asked: Asked, authenticator: Authenticator
) -> None:
    """Section 3, 1: Postgres is asked once for all workers, Redis once for each."""
    ada = await books.customer()
    with asked.counts(redis=2, postgres=1):
        assert await authenticator.identify(ada.key) == identity_of(ada)
    with asked.counts(redis=0, postgres=0):
        assert await authenticator.identify(ada.key) == identity_of(ada)
    with asked.counts(redis=1, postgres=0):
        other_worker = Authenticator(HASHER, asked, asked)
        assert await other_worker.identify(ada.key) == identity_of(ada)
    await books.redis.flushall()
    with asked.counts(redis=2, postgres=1):
        assert await Authenticator(HASHER, asked, asked).identify(ada.key) == identity_of(ada)


async def test_a_revoked_key_still_has_its_owner(
    books: Books, authenticator: Authenticator
) -> None:
    """Whose key it is never changes; whether it is good is asked inside the reserve script."""
    ada = await books.customer()
    await books.keys.revoke(ada.key_id)
    await books.working_copy.apply_syncs(ada.account_id)
    assert await authenticator.identify(ada.key) == identity_of(ada)
    assert not await books.working_copy.key_is_active(ada.account_id, ada.key_id)


async def test_an_unknown_key_is_remembered_for_a_moment_and_no_longer(
    asked: Asked, authenticator: Authenticator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Guessing costs Postgres little; nothing is unknown for long."""
    monkeypatch.setattr(authentication, "UNKNOWN_FOR_S", 1_000.0)
    with asked.counts(redis=1, postgres=1):
        assert await authenticator.identify("sk-tg-guessed") is None
    with asked.counts(redis=0, postgres=0):
        assert await authenticator.identify("sk-tg-guessed") is None
    monkeypatch.setattr(authentication, "UNKNOWN_FOR_S", 0.0)
    for _ in range(2):
        with asked.counts(redis=1, postgres=1):
            assert await authenticator.identify("sk-tg-other") is None


@pytest.mark.parametrize("key", ["", "x" * 257, "sk-tg-" + "x" * 251])
async def test_what_can_be_no_key_is_asked_of_nobody(
    asked: Asked, authenticator: Authenticator, key: str
) -> None:
    """A bound on what a stranger can have looked up."""
    with asked.counts(redis=0, postgres=0):
        assert await authenticator.identify(key) is None


@pytest.mark.parametrize("key", ["sk-tg-\udcff\udc80", "'; drop table api_keys; --", "\0", "ключ"])
async def test_any_text_may_be_asked_for(authenticator: Authenticator, key: str) -> None:
    """Also bytes that are no text, as a header may carry them."""
    assert await authenticator.identify(key) is None


async def test_calls_that_come_at_once_with_one_key_share_its_lookup(
    books: Books, asked: Asked, authenticator: Authenticator
) -> None:
    """The bound on lookups is for different keys."""
    ada = await books.customer()
    with asked.counts(redis=3, postgres=2):
        found = await asyncio.gather(
            *(authenticator.identify(ada.key) for _ in range(300)),
            *(authenticator.identify("sk-tg-unknown") for _ in range(300)),
        )
    assert found == [identity_of(ada)] * 300 + [None] * 300


async def test_strangers_cannot_keep_postgres_from_those_it_knows(
    books: Books, asked: Asked, authenticator: Authenticator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A bound: too many at once are told to come again, never that their keys are bad."""
    monkeypatch.setattr(authentication, "LOOKUPS_WAITING", 20)
    ada, bob = await books.customer(), await books.customer()
    assert await authenticator.identify(ada.key) == identity_of(ada)
    asked.lets_postgres_answer.clear()
    strangers = [
        asyncio.create_task(authenticator.identify(f"sk-tg-{number}")) for number in range(100)
    ]
    refused = len(strangers) - authentication.LOOKUPS_WAITING
    await until(lambda: sum(one.done() for one in strangers) >= refused, strangers)
    assert sum(one.done() for one in strangers) == refused
    assert asked.postgres <= 1 + authentication.LOOKUPS_AT_ONCE
    assert await authenticator.identify(ada.key) == identity_of(ada)
    with pytest.raises(DatabaseUnavailableError):
        await authenticator.identify(bob.key)
    asked.lets_postgres_answer.set()
    answers = await asyncio.gather(*strangers, return_exceptions=True)
    assert answers.count(None) == 20
    assert sum(isinstance(answer, DatabaseUnavailableError) for answer in answers) == 80
    assert await authenticator.identify(bob.key) == identity_of(bob)
    assert await authenticator.identify("sk-tg-99") is None


async def test_g10_without_postgres_an_unknown_key_is_not_called_bad(
    books: Books, asked: Asked, authenticator: Authenticator
) -> None:
    """Postgres down: 503, never 401; keys that Redis or memory know go on."""
    ada, bob, eve = [await books.customer() for _ in range(3)]
    assert await authenticator.identify(ada.key) == identity_of(ada)
    await Authenticator(HASHER, asked, asked).identify(bob.key)
    asked.postgres_is_away = True
    for _ in range(2):
        for key in (eve.key, "sk-tg-guessed"):
            with pytest.raises(DatabaseUnavailableError):
                await authenticator.identify(key)
    assert await authenticator.identify(ada.key) == identity_of(ada)
    assert await authenticator.identify(bob.key) == identity_of(bob)
    asked.postgres_is_away = False
    assert await authenticator.identify(eve.key) == identity_of(eve)
    assert await authenticator.identify("sk-tg-guessed") is None


async def test_g10_without_redis_nobody_is_called_unknown(
    books: Books, asked: Asked, authenticator: Authenticator
) -> None:
    """What memory knows is served; its reserve is what fails then."""
    ada, bob = await books.customer(), await books.customer()
    assert await authenticator.identify(ada.key) == identity_of(ada)
    asked.redis_is_away = True
    assert await authenticator.identify(ada.key) == identity_of(ada)
    with pytest.raises(RedisUnavailableError):
        await authenticator.identify(bob.key)
    asked.redis_is_away = False
    assert await authenticator.identify(bob.key) == identity_of(bob)


async def test_memory_is_bounded(
    books: Books, asked: Asked, authenticator: Authenticator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The oldest is forgotten, and found again."""
    monkeypatch.setattr(authentication, "MOST_REMEMBERED", 3)
    customers = [await books.customer() for _ in range(5)]
    for customer in customers:
        await authenticator.identify(customer.key)
        await authenticator.identify(f"{customer.key}-not")
    assert (len(authenticator._known), len(authenticator._unknown)) == (3, 3)
    with asked.counts(redis=1, postgres=0):
        assert await authenticator.identify(customers[0].key) == identity_of(customers[0])


async def test_a_caller_that_leaves_does_not_end_the_lookup_of_the_others(
    books: Books, asked: Asked, authenticator: Authenticator
) -> None:
    """They share it; it is nobody's own."""
    ada = await books.customer()
    asked.lets_postgres_answer.clear()
    first, second = (asyncio.create_task(authenticator.identify(ada.key)) for _ in range(2))
    await asyncio.wait((first,), timeout=0.05)
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    asked.lets_postgres_answer.set()
    assert await second == identity_of(ada)


async def test_what_redis_remembers_of_a_key_is_no_key(
    books: Books, authenticator: Authenticator
) -> None:
    """Only a keyed hash is stored: a copy of Redis lets nobody in."""
    ada = await books.customer()
    await authenticator.identify(ada.key)
    name = identity_key(HASHER.hash(ada.key))
    stored = await books.redis.get(name)
    assert ada.account_id.encode() in stored
    everything = [name.encode(), stored, *await books.redis.keys("*")]
    assert not any(ada.key.encode() in text for text in everything)
