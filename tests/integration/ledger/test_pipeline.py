"""The pipeline to Redis: what its callers are told when Redis is slow, away, restarted or full."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Iterator

import pytest
import redis.asyncio
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from deploy.local.valkey import LocalValkey
from ledger.errors import RedisUnavailableError
from ledger.pipeline import LARGEST_BATCH, Pipeline, open_pipeline
from ledger.scripts import load_script
from tests.support.engines import running_valkey
from tests.support.waiting import PATIENCE_S, PATIENT

SHORT_S = 1.0


@pytest.fixture
def valkey() -> Iterator[LocalValkey]:
    """A Valkey that the test may kill, stop and fill."""
    with running_valkey() as running:
        yield running


@pytest.fixture
async def pipeline(valkey: LocalValkey) -> AsyncIterator[Pipeline]:
    """A pipeline that gives up early."""
    client = redis.asyncio.Redis.from_url(
        valkey.url, retry=Retry(NoBackoff(), 0), socket_timeout=SHORT_S
    )
    opened = Pipeline(client, SHORT_S)
    yield opened
    await opened.close()
    await client.aclose()


@pytest.fixture
async def shared(redis_url: str) -> AsyncIterator[Pipeline]:
    """A pipeline to the worker's own Valkey."""
    async with open_pipeline(redis_url) as opened:
        yield opened


async def outcome(reply: asyncio.Future) -> tuple[str, bool | None]:
    """How a call ended: `answered`, or `away` with whether it may have happened."""
    try:
        await reply
    except RedisUnavailableError as error:
        return "away", error.was_sent
    return "answered", None


async def test_each_call_gets_its_own_answer_however_many_leave_together(
    shared: Pipeline,
) -> None:
    """More than fit into one batch, plain commands and scripts, in the order they were made."""
    count = 3 * LARGEST_BATCH + 7
    calls = [shared.command("ECHO", number) for number in range(count)]
    assert await asyncio.gather(*calls) == [str(number).encode() for number in range(count)]
    increments = [shared.command("INCR", "counter") for _ in range(count)]
    assert await asyncio.gather(*increments) == list(range(1, count + 1))


async def test_text_bytes_and_numbers_arrive_as_they_are(shared: Pipeline) -> None:
    """Binary safe, exact, without an exponent."""
    for given, stored in (
        ("é\0", "é\0".encode()),
        (b"\xff\0\r\n", b"\xff\0\r\n"),
        (2**53, b"%d" % 2**53),
    ):
        await shared.command("SET", "name", given)
        assert await shared.command("GET", "name") == stored
    await shared.command("SET", "", "")
    assert await shared.command("GET", "") == b""


async def test_what_cannot_be_sent_is_its_callers_mistake_alone(shared: Pipeline) -> None:
    """A lone surrogate, nothing, a float: nobody else waits for ever or is told a lie."""
    before = shared.command("ECHO", "before")
    for wrong in ("\udc80", None, 1.5):
        with pytest.raises((UnicodeEncodeError, TypeError)):
            shared.command("GET", wrong)
    after = shared.command("ECHO", "after")
    assert await asyncio.gather(before, after) == [b"before", b"after"]


async def test_a_refused_command_harms_none_of_its_batch(shared: Pipeline) -> None:
    """One caller's mistake is answered to that caller."""
    await shared.command("SET", "text", "text")
    calls = [shared.command("ECHO", 1), shared.command("INCR", "text"), shared.command("ECHO", 2)]
    assert [await outcome(call) for call in calls] == [
        ("answered", None),
        ("away", True),
        ("answered", None),
    ]


async def test_a_cancelled_caller_takes_nobodys_answer(shared: Pipeline) -> None:
    """Its command is sent all the same; the answers of the others stay theirs."""
    calls = [asyncio.ensure_future(shared.command("INCR", "counter")) for _ in range(50)]
    for call in calls[::2]:
        call.cancel()
    answers = await asyncio.gather(*calls, return_exceptions=True)
    assert answers[1::2] == list(range(2, 51, 2))
    assert all(isinstance(answer, asyncio.CancelledError) for answer in answers[::2])
    assert await shared.command("GET", "counter") == b"50"


async def test_forgotten_scripts_are_loaded_once_for_all_that_need_them(shared: Pipeline) -> None:
    """NOSCRIPT after a restart: loaded and called again, each call once."""
    renew = load_script("renew")
    await shared.command("ZADD", "deadlines", 1, "one")
    await shared.command("SCRIPT", "FLUSH")
    calls = [shared.run(renew, ("deadlines",), (1000, "one", "two")) for _ in range(30)]
    mixed = [shared.command("INCR", "counter") for _ in range(3)]
    assert await asyncio.gather(*calls) == [1] * 30
    assert await asyncio.gather(*mixed) == [1, 2, 3]


async def test_a_redis_that_is_not_there_has_done_nothing(
    valkey: LocalValkey, pipeline: Pipeline
) -> None:
    """Asked first: a call to a Redis that was away before is known not to have happened."""
    os.kill(valkey.pid, signal.SIGKILL)
    first = [pipeline.command("INCR", "counter") for _ in range(2 * LARGEST_BATCH)]
    assert {await outcome(call) for call in first} == {("away", False)}
    valkey.start()
    assert await pipeline.command("INCR", "counter") == 1


async def test_a_redis_that_is_killed_may_have_done_what_was_asked_and_serves_after_its_restart(
    valkey: LocalValkey, pipeline: Pipeline
) -> None:
    """G5: acknowledged writes are there; the pipeline finds the new process by itself."""
    assert await pipeline.command("INCR", "counter") == 1
    os.kill(valkey.pid, signal.SIGKILL)
    assert (await outcome(pipeline.command("INCR", "counter")))[0] == "away"
    assert await outcome(pipeline.command("INCR", "counter")) == ("away", False)
    valkey.start()
    assert await pipeline.command("INCR", "counter") == 2


async def test_a_redis_that_answers_too_late_answers_nobody_elses_call(
    valkey: LocalValkey, pipeline: Pipeline
) -> None:
    """What was sent may have happened; its answers are not taken for those of later calls."""
    assert await pipeline.command("ECHO", "warm") == b"warm"
    os.kill(valkey.pid, signal.SIGSTOP)
    late = [pipeline.command("INCR", "counter") for _ in range(3)]
    assert [await outcome(call) for call in late] == [("away", True)] * 3
    waiting = [pipeline.command("INCR", "counter") for _ in range(2 * LARGEST_BATCH)]
    assert {await outcome(call) for call in waiting} == {("away", False)}
    os.kill(valkey.pid, signal.SIGCONT)
    calls = [pipeline.command("ECHO", number) for number in range(20)]
    assert await asyncio.gather(*calls) == [str(number).encode() for number in range(20)]
    assert await pipeline.command("GET", "counter") == b"3"


@pytest.mark.parametrize(
    ("settings", "was_sent"),
    [
        ([("REPLICAOF", "127.0.0.1", "1")], False),
        ([("CONFIG", "SET", "min-replicas-to-write", "1")], False),
        ([("SET", "large", "x" * 2_000_000), ("CONFIG", "SET", "maxmemory", "1000000")], False),
        ([("SET", "{p}account", "no hash")], True),
    ],
    ids=["a replica", "too few replicas", "no memory", "a script that fails"],
)
async def test_a_redis_that_cannot_serve_is_told_as_away_and_whether_it_has_done_anything(
    valkey: LocalValkey, pipeline: Pipeline, settings: list[tuple[str, ...]], was_sent: bool
) -> None:
    """Fails closed: 503 and not 500; a reserve that was refused needs no release."""
    async with redis.asyncio.Redis.from_url(valkey.url, **PATIENT) as client:
        for setting in settings:
            await client.execute_command(*setting)
    names = ("{p}account", "{p}holds", "{p}deadlines", "{p}settlements")
    arguments = ("account", "request", "key", 1, 1, 1000, 10, 1, "{}")
    for _ in range(2):
        with pytest.raises(RedisUnavailableError) as refused:
            await pipeline.run(load_script("reserve"), names, arguments)
        assert refused.value.was_sent is was_sent
        assert str(refused.value)


async def test_a_busy_script_of_somebody_else_is_waited_for_and_told(
    valkey: LocalValkey, pipeline: Pipeline
) -> None:
    """BUSY: nothing was done."""
    async with redis.asyncio.Redis.from_url(valkey.url, **PATIENT) as client:
        await client.config_set("busy-reply-threshold", 10)
        endless = asyncio.ensure_future(client.eval("while true do end", 0))
        for _ in range(100):
            reply = await outcome(pipeline.command("INCR", "counter"))
            if reply == ("away", False):
                break
        assert reply == ("away", False)
        async with redis.asyncio.Redis.from_url(valkey.url, **PATIENT) as other:
            await other.script_kill()
        with pytest.raises(redis.ResponseError):
            await endless
    async with asyncio.timeout(PATIENCE_S):
        while (await outcome(pipeline.command("ECHO", "there")))[0] == "away":
            pass
