"""One change of the world at a time: kept as a whole, then told."""

from collections.abc import Iterator
from contextlib import contextmanager

from deploy.local.pretend_stripe.webhooks import Webhooks
from deploy.local.pretend_stripe.world import World


class Changes:
    """Changes of one world, told to one endpoint."""

    def __init__(self, world: World, webhooks: Webhooks) -> None:
        self._world = world
        self._webhooks = webhooks

    @contextmanager
    def one(
        self, request_id: str | None = None, idempotency_key: str | None = None
    ) -> Iterator[World]:
        """What is done within is one change; a refused payment is one as well.

        Nothing may be awaited within: nobody else may see half of it.
        """
        self._world.begin(request_id, idempotency_key)
        try:
            yield self._world
        finally:
            events = self._world.take_events()
            self._webhooks.file(events)
            self._world.store.commit()
            self._webhooks.launch(events)
