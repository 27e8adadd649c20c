"""Delivers events to a webhook endpoint: signed, and again until it answers 2xx."""

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any

import aiohttp
import msgspec

from deploy.local.pretend_stripe.knobs import Knobs, Order, ordered
from deploy.local.pretend_stripe.signature import HEADER, signature
from deploy.local.pretend_stripe.store import Json
from deploy.local.pretend_stripe.world import EVENT, World

DELIVERIES = "pretend.delivery"
PENDING, DELIVERED, DROPPED, GIVEN_UP = "pending", "delivered", "dropped", "given up"
_TIMEOUT = aiohttp.ClientTimeout(total=20)
_LONGEST_WAIT_S = 300.0
_GIVE_UP_AFTER_S = 3 * 24 * 3600
_log = logging.getLogger(__name__)


class Webhooks:
    """Deliveries to one endpoint, by the id of their event. They survive a restart."""

    def __init__(
        self,
        world: World,
        *,
        url: str | None,
        secret: str,
        knobs: Knobs,
        first_retry_s: float,
    ) -> None:
        self._world = world
        self._url = url
        self._secret = secret
        self._knobs = knobs
        self._first_retry_s = first_retry_s
        self._session: aiohttp.ClientSession | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def open(self) -> None:
        """Go on with what a former process has left."""
        self._session = aiohttp.ClientSession(timeout=_TIMEOUT)
        left = [one["id"] for one in self._world.store.all(DELIVERIES) if one["state"] == PENDING]
        self._start(self._send(left))

    async def close(self) -> None:
        """Stop; what is not delivered stays in the store."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._session is not None:
            await self._session.close()

    def file(self, events: list[Json]) -> None:
        """Write down what is to be delivered; the caller commits."""
        for event in events:
            dropped = self._url is None or self._knobs.webhooks.drops(event["type"])
            delivery = {
                "id": event["id"],
                "state": DROPPED if dropped else PENDING,
                "attempts": 0,
                "last_answer": None,
            }
            self._world.store.put(DELIVERIES, event["id"], delivery)

    def launch(self, events: list[Json]) -> None:
        """Deliver new events that were filed, as the knobs say."""
        due = [event["id"] for event in events if self._delivery(event["id"])["state"] == PENDING]
        if due:
            self.send(
                due,
                order=self._knobs.webhooks.order,
                copies=self._knobs.webhooks.copies,
                delayed=True,
            )

    def send(
        self, event_ids: list[str], *, order: Order, copies: int = 1, delayed: bool = False
    ) -> None:
        """Deliver these events one after the other, so many times each."""
        delay_s = self._knobs.webhooks.delay_s if delayed else 0
        self._start(self._send(ordered(event_ids, order), copies=copies, delay_s=delay_s))

    def dropped(self) -> list[str]:
        """Events that were not delivered, on purpose."""
        every = self._world.store.all(DELIVERIES)
        return [one["id"] for one in every if one["state"] == DROPPED]

    def describe(self, event_type: str | None = None) -> list[Json]:
        """Every event, the oldest first, and how its delivery stands."""
        return [
            {**self._delivery(event["id"]), "type": event["type"], "event": event}
            for event in self._world.store.all(EVENT)
            if event_type in (None, event["type"])
        ]

    async def _send(self, event_ids: list[str], *, copies: int = 1, delay_s: float = 0) -> None:
        await asyncio.sleep(delay_s)
        for event_id in event_ids:
            answers = await asyncio.gather(*(self._attempt(event_id) for _ in range(copies)))
            if not any(answers):
                self._start(self._retry(event_id))

    async def _retry(self, event_id: str) -> None:
        event = self._world.find(EVENT, event_id)
        wait_s = self._first_retry_s
        while self._world.now < event["created"] + _GIVE_UP_AFTER_S:
            await asyncio.sleep(wait_s)
            if self._delivery(event_id)["state"] == DELIVERED or await self._attempt(event_id):
                return
            wait_s = min(wait_s * 2, _LONGEST_WAIT_S)
        self._note(event_id, state=GIVEN_UP)

    async def _attempt(self, event_id: str) -> bool:
        if self._url is None or self._session is None:
            return True
        event = self._world.find(EVENT, event_id)
        body = msgspec.json.format(msgspec.json.encode(event), indent=2)
        headers = {
            "Content-Type": "application/json; charset=utf-8",
            "User-Agent": "Stripe/1.0 (pretend)",
            HEADER: signature(body, self._secret, self._world.now),
        }
        try:
            async with self._session.post(
                self._url, data=body, headers=headers, allow_redirects=False
            ) as answer:
                await answer.read()
                good, said = answer.status // 100 == 2, str(answer.status)
        except (aiohttp.ClientError, TimeoutError) as error:
            good, said = False, type(error).__name__
        if not good:
            _log.warning("%s %s: %s", event["type"], event_id, said)
        was = self._delivery(event_id)
        state = DELIVERED if good or was["state"] == DELIVERED else PENDING
        self._note(event_id, attempts=was["attempts"] + 1, last_answer=said, state=state)
        return good

    def _delivery(self, event_id: str) -> Json:
        return self._world.find(DELIVERIES, event_id)

    def _note(self, event_id: str, **fields: str | int) -> None:
        self._world.store.put(DELIVERIES, event_id, {**self._delivery(event_id), **fields})
        self._world.store.commit()

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
