"""Answers that are given again to a request that comes again with the same idempotency key."""

import hashlib

import msgspec

from deploy.local.pretend_stripe.errors import invalid, key_reused
from deploy.local.pretend_stripe.store import Json
from deploy.local.pretend_stripe.world import World

_ANSWERS = "pretend.answer"
_LONGEST_KEY = 255
_KEPT_S = 24 * 3600


class KeptAnswer(msgspec.Struct):
    """What was answered first."""

    request: str
    request_id: str
    status: int
    body: Json
    created: int


class Idempotency:
    """Kept answers by key, for a day."""

    def __init__(self, world: World) -> None:
        self._world = world

    def find(self, key: str, request: str) -> KeptAnswer | None:
        """The answer to repeat, if this key came before.

        Raises:
            StripeError: the key is too long, or came with another request.
        """
        if not 0 < len(key) <= _LONGEST_KEY:
            message = f"Idempotency keys can be up to {_LONGEST_KEY} characters long."
            raise invalid(message)
        found = self._world.store.find(_ANSWERS, key)
        if found is None or found["created"] + _KEPT_S <= self._world.now:
            return None
        kept = msgspec.convert(found, KeptAnswer)
        if kept.request != request:
            raise key_reused(key)
        return kept

    def keep(self, key: str, answer: KeptAnswer) -> None:
        """Repeat this answer from now on."""
        self._world.store.put(_ANSWERS, key, msgspec.to_builtins(answer))


def fingerprint(method: str, path: str, params: Json) -> str:
    """A text that is the same for the same request."""
    content = msgspec.json.encode([method, path, params], order="sorted")
    return hashlib.sha256(content).hexdigest()
