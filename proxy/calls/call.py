"""One call: what its body says, as far as price and relay depend on it."""

from typing import Annotated, Any

import msgspec

from config.rates import ModelRates, RateTable
from ledger.authentication import Identity
from pricing.quote import CallBounds

Limit = Annotated[int, msgspec.Meta(ge=1, le=10**9)]
Choices = Annotated[int, msgspec.Meta(ge=1, le=128)]
NO_JSON = msgspec.Raw(b"null")


class Message(msgspec.Struct, frozen=True):
    """A chat message; its content is decoded only where it is not plain text."""

    role: str
    content: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    audio: msgspec.Raw = NO_JSON


class StreamOptions(msgspec.Struct, frozen=True):
    """What the client wants in its stream."""

    include_usage: bool | None = None


class ChatBody(msgspec.Struct, frozen=True):
    """The fields of a chat completion request that decide its price or its relay."""

    model: Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
    messages: Annotated[list[Message], msgspec.Meta(min_length=1)]
    max_tokens: Limit | None = None
    max_completion_tokens: Limit | None = None
    n: Choices | None = None
    best_of: Choices | None = None
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    prediction: msgspec.Raw = NO_JSON
    modalities: list[str] | None = None
    audio: msgspec.Raw = NO_JSON
    web_search_options: msgspec.Raw = NO_JSON
    service_tier: str | None = None
    tools: msgspec.Raw = NO_JSON
    functions: msgspec.Raw = NO_JSON
    response_format: msgspec.Raw = NO_JSON


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """An authenticated, understood request for a chat completion."""

    request_id: str
    identity: Identity
    body: bytes
    chat: ChatBody
    model: ModelRates
    table: RateTable
    bounds: CallBounds
    created_at_ms: int

    @property
    def is_stream(self) -> bool:
        """Whether the client asked for server-sent events."""
        return bool(self.chat.stream)

    @property
    def wants_usage(self) -> bool:
        """Whether the client asked for the usage chunk of a stream."""
        options = self.chat.stream_options
        return bool(options and options.include_usage)

    def upstream_body(self, limit: int | None) -> bytes:
        """The body that leaves: the client's own bytes, unless something must be added."""
        added: dict[str, Any] = {}
        if self.is_stream and not self.wants_usage:
            added["stream_options"] = {"include_usage": True}
        if limit is not None:
            added[self.model.limit_field] = limit
        if not added:
            return self.body
        fields: dict[str, Any] = msgspec.json.decode(self.body, type=dict[str, msgspec.Raw])
        options = fields.get("stream_options")
        if "stream_options" in added and options not in (None, NO_JSON):
            given = msgspec.json.decode(options, type=dict[str, msgspec.Raw])
            added["stream_options"] = {**given, "include_usage": True}
        return msgspec.json.encode({**fields, **added})
