"""Reading requests and counting their prompts, both but once for a request that comes again."""

import asyncio
import functools
from collections.abc import Sequence

from deploy.local.pretend_provider.chat_request import ChatRequest, read_chat_request
from deploy.local.pretend_provider.models import PretendModel, by_name
from pricing.chat_tokens import count_chat_prompt
from pricing.tokens import TokenCounter

ENCODING = "o200k_base"
# Load tests send the same few requests: this many are remembered, if they are small.
_REMEMBERED = 256
_SMALL_BYTES = 65_536


class RequestReader:
    """Turns the body of a request into what it asks for."""

    def __init__(self, counter: TokenCounter, models: Sequence[PretendModel]) -> None:
        self._count_prompt = functools.partial(count_chat_prompt, counter, ENCODING)
        self._models = by_name(models)
        self._read_small = functools.lru_cache(_REMEMBERED)(self._read)

    async def read(self, body: bytes) -> ChatRequest:
        """The request in `body`. Raises ProviderError for what is wrong with it."""
        if len(body) <= _SMALL_BYTES:
            return self._read_small(body)
        return await asyncio.to_thread(self._read, body)

    def _read(self, body: bytes) -> ChatRequest:
        return read_chat_request(body, self._models, self._count_prompt)
