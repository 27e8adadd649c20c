"""One call: what its body says, as far as price and relay depend on it."""

from typing import Annotated, Any

import msgspec

from config.rates import ModelRates, RateTable
from ledger.authentication import Identity
from pricing.quote import CallBounds

Limit = Annotated[int, msgspec.Meta(ge=1, le=10**9)]
Choices = Annotated[int, msgspec.Meta(ge=1, le=128)]
NO_JSON = msgspec.Raw(b"null")

# Fields that no model reads. What is in any other, known here or not, may become input.
_NO_INPUT = frozenset(
    {
        *("model", "messages", "max_tokens", "max_completion_tokens", "n", "best_of"),
        *("stream", "stream_options", "modalities", "service_tier", "temperature", "top_p"),
        *("seed", "stop", "presence_penalty", "frequency_penalty", "logit_bias", "logprobs"),
        *("top_logprobs", "parallel_tool_calls", "tool_choice", "function_call"),
        *("reasoning_effort", "verbosity", "store", "metadata", "user", "safety_identifier"),
        *("prompt_cache_key", "prompt_cache_retention"),
    }
)


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
    previous_response_id: msgspec.Raw = NO_JSON
    conversation: msgspec.Raw = NO_JSON
    prompt: msgspec.Raw = NO_JSON
    cached_content: msgspec.Raw = NO_JSON
    data_sources: msgspec.Raw = NO_JSON
    chat_template: msgspec.Raw = NO_JSON
    extra_body: msgspec.Raw = NO_JSON

    @property
    def names_other_input(self) -> bool:
        """Whether it stands for input that it does not show, at providers that know the field."""
        named = (
            self.previous_response_id,
            self.conversation,
            self.prompt,
            self.cached_content,
            self.data_sources,
            self.chat_template,
            self.extra_body,
        )
        return any(value != NO_JSON for value in named)


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

    def messages(self) -> bytes:
        """The JSON of its messages."""
        return bytes(self._fields()["messages"])

    def other_input_bytes(self) -> int:
        """How large is what may be input beside the messages: schemas, and what is not known."""
        others = self._fields().items()
        return sum(
            len(bytes(value))
            for name, value in others
            if name not in _NO_INPUT and value != NO_JSON
        )

    def _fields(self) -> dict[str, msgspec.Raw]:
        return msgspec.json.decode(self.body, type=dict[str, msgspec.Raw])

    def upstream_body(self, limit: int | None) -> bytes:
        """The body that leaves: the client's own bytes, unless something must be added."""
        added: dict[str, Any] = {}
        if self.is_stream and not self.wants_usage:
            added["stream_options"] = {"include_usage": True}
        if limit is not None:
            added[self.model.limit_field] = limit
        if not added:
            return self.body
        fields: dict[str, Any] = dict(self._fields())
        options = fields.get("stream_options")
        if "stream_options" in added and options not in (None, NO_JSON):
            given = msgspec.json.decode(options, type=dict[str, msgspec.Raw])
            added["stream_options"] = {**given, "include_usage": True}
        return msgspec.json.encode({**fields, **added})
