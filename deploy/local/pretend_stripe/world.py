"""The world that requests change: objects, what happened to them, and the time."""

import secrets
import time
from collections.abc import Callable
from typing import Any

from deploy.local.pretend_stripe.errors import no_such
from deploy.local.pretend_stripe.store import Json, Store, snapshot

API_VERSION = "2026-10-28.endive"
EVENT = "event"
NOUNS = {
    "charge": "charge",
    "checkout.session": "checkout.session",
    "customer": "customer",
    "dispute": "dispute",
    "payment_intent": "payment_intent",
    "payment_method": "PaymentMethod",
    "refund": "refund",
    "setup_intent": "setupintent",
}
_ID_BYTES = 12


class World:
    """Objects of Stripe's in a store, and the events that tell of them.

    `base_url` is where people reach the hosted pages.
    """

    def __init__(self, store: Store, base_url: str, clock: Callable[[], float] = time.time) -> None:
        self.store = store
        self.base_url = base_url
        self._clock = clock
        self._request: Json = {"id": None, "idempotency_key": None}
        self._new_events: list[Json] = []

    @property
    def now(self) -> int:
        """Seconds since the epoch."""
        return int(self._clock())

    def begin(self, request_id: str | None = None, idempotency_key: str | None = None) -> None:
        """From here on, what happens does so by this request of the API, or by itself."""
        self._request = {"id": request_id, "idempotency_key": idempotency_key}

    def find(self, kind: str, identifier: str, param: str = "id") -> Json:
        """An object.

        Raises:
            StripeError: there is none; `param` names the parameter that asked for it.
        """
        found = self.store.find(kind, identifier)
        if found is None:
            raise no_such(NOUNS.get(kind, kind), identifier, param)
        return found

    def add(self, created: Json) -> Json:
        """Keep a new object."""
        self.store.put(created["object"], created["id"], created)
        return created

    def change(self, known: Json, **fields: Any) -> Json:  # noqa: ANN401 - of any kind
        """Change an object's fields; returns what they were."""
        previous = {name: known.get(name) for name in fields if known.get(name) != fields[name]}
        known.update(fields)
        self.store.put(known["object"], known["id"], known)
        return previous

    def emit(self, kind: str, about: Json, previous: Json | None = None) -> None:
        """Something happened to an object, which is told as it is at this moment."""
        data = {"object": snapshot(about)}
        if previous is not None:
            data["previous_attributes"] = snapshot(previous)
        self._new_events.append(
            self.add(
                {
                    "id": new_id("evt"),
                    "object": EVENT,
                    "account": None,
                    "api_version": API_VERSION,
                    "context": None,
                    "created": self.now,
                    "data": data,
                    "livemode": False,
                    "pending_webhooks": 1,
                    "request": dict(self._request),
                    "type": kind,
                }
            )
        )

    def take_events(self) -> list[Json]:
        """The events since the last time, in the order in which they happened."""
        events, self._new_events = self._new_events, []
        return events


def new_id(prefix: str) -> str:
    """An id that no other object has."""
    return f"{prefix}_{secrets.token_hex(_ID_BYTES)}"
