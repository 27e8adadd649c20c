"""Clients of a running stack that remember every answer that was complete, and what it cost."""

import asyncio
import json
import random
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import aiohttp

from tests.support.pretend import knobs
from tests.support.stack import Customer
from tests.support.up import Up
from tests.support.waiting import PATIENCE_S, until

# What a client sees while parts of a stack are away.
AWAY = frozenset({502, 503, 504})
# How a stream ends that such a failure has caught in the middle.
CUT = frozenset({"settlement_unavailable", "upstream_cut", "upstream_timeout", "call_stopped"})
_NO_ANSWER = (aiohttp.ClientError, OSError)


@dataclass(frozen=True)
class Answer:
    """What a client was told. `charge_mc` is None, and `is_complete` false, where it was cut."""

    status: int
    request_id: str
    is_complete: bool
    charge_mc: int | None = None
    error: str | None = None


def customer_of(up: Up, granted: str) -> Customer:
    """A new account with a key and so many credits."""
    token = up.dev["admin_token"]
    account = up.api.expect("POST", "/admin/accounts", token=token, body={"name": "A customer"})
    path = f"/admin/accounts/{account['accountId']}"
    key = up.api.expect("POST", f"{path}/keys", token=token, body={"name": "test"})
    grant = {"credits": granted, "description": "For a test", "idempotencyKey": "once"}
    up.api.expect("POST", f"{path}/grants", token=token, body=grant)
    return Customer(account["accountId"], key["keyId"], key["key"])


def question(*, stream: bool = False, **fields: object) -> dict[str, Any]:
    """The body of a call; of a stream that reports its usage."""
    messages = [{"role": "user", "content": "Say something."}]
    body: dict[str, Any] = {"model": "gpt-4o-mini", "messages": messages, **fields}
    if stream:
        body |= {"stream": True, "stream_options": {"include_usage": True}}
    return body


async def ask(
    session: aiohttp.ClientSession,
    base_url: str,
    customer: Customer,
    body: Mapping[str, Any],
    headers: Mapping[str, str] | None = None,
) -> Answer:
    """Makes one call and reads its answer, as far as it goes.

    Raises:
        aiohttp.ClientError, OSError: there is no answer, or it broke off before it was complete.
    """
    url = f"{base_url}/chat/completions"
    async with session.post(url, json=body, headers={**customer.auth, **(headers or {})}) as answer:
        request_id = answer.headers.get("x-request-id", "")
        if answer.status != 200:
            content = json.loads(await answer.read())
            return Answer(answer.status, request_id, False, error=content["error"]["code"])
        if body.get("stream"):
            return await _read_stream(answer, request_id)
        content = json.loads(await answer.read())
        assert content["choices"]
        charge_mc = int(Decimal(answer.headers["x-credits-charged"]) * 1000)
        return Answer(200, request_id, True, charge_mc)


async def _read_stream(answer: aiohttp.ClientResponse, request_id: str) -> Answer:
    charge_mc = None
    async for line in answer.content:
        data = line.removeprefix(b"data: ").strip()
        if data == b"[DONE]":  # complete for every client, whatever becomes of the connection
            return Answer(200, request_id, True, charge_mc)
        event = json.loads(data) if data else {}
        if "error" in event:
            return Answer(200, request_id, False, error=event["error"]["code"])
        if event.get("usage"):
            charge_mc = int(event["usage"]["credits_charged_millicredits"])
    return Answer(200, request_id, False, error="a clean end without [DONE]")


class Load:
    """Clients that call without a pause, never twice for the same thing, and bear all failures.

    `complete` has every complete answer; `strange` what no failure of a part excuses.
    """

    def __init__(self, base_url: str, customers: Sequence[Customer]) -> None:
        self.base_url = base_url
        self.complete: list[Answer] = []
        self.failures: Counter[str] = Counter()
        self.strange: list[Answer] = []
        self._customers = customers

    @asynccontextmanager
    async def running(self, clients: int) -> AsyncIterator[None]:
        """Calls while the block runs; at its end the calls under way are left to end."""
        stopping = asyncio.Event()
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
            tasks = [
                asyncio.create_task(self._call_on(session, random.Random(seed), stopping))
                for seed in range(clients)
            ]
            try:
                yield
            finally:
                stopping.set()
                async with asyncio.timeout(PATIENCE_S):
                    await asyncio.gather(*tasks)

    async def goes_on(self, answers: int = 40) -> None:
        """Waits until so many more answers are complete."""
        aim = len(self.complete) + answers
        await until(lambda: len(self.complete) >= aim, ("calls go on", self.failures))

    async def _call_on(
        self, session: aiohttp.ClientSession, chance: random.Random, stopping: asyncio.Event
    ) -> None:
        while not stopping.is_set():
            customer = chance.choice(self._customers)
            stream = chance.random() < 0.5
            limit = chance.choice([{}, {"max_tokens": 64}])
            wanted = knobs(output_tokens=chance.randint(1, 60))
            if stream:
                wanted |= knobs(chunk_delay_s=chance.choice([0.001, 0.01]))
            else:
                wanted |= knobs(delay_s=chance.choice([0, 0.1]))
            body = question(stream=stream, **limit)
            try:
                answer = await ask(session, self.base_url, customer, body, wanted)
            except _NO_ANSWER as error:
                self.failures[type(error).__name__] += 1
                await asyncio.sleep(0.02)
                continue
            self._note(answer)
            if not answer.is_complete:
                await asyncio.sleep(0.02)

    def _note(self, answer: Answer) -> None:
        if answer.is_complete:
            self.complete.append(answer)
        elif answer.status in AWAY or (answer.status == 200 and answer.error in CUT):
            self.failures[f"{answer.status} {answer.error}"] += 1
        else:
            self.strange.append(answer)
