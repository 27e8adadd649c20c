"""The JSON of an answer: one body, or the events of a stream."""

import secrets
import time
from dataclasses import dataclass
from typing import Any

import msgspec

from deploy.local.pretend_provider.answer import Answer
from deploy.local.pretend_provider.chat_request import ChatRequest
from deploy.local.pretend_provider.knobs import Knobs

_encode = msgspec.json.encode
# Written where the choices belong, and replaced: all that is around them is encoded only once.
_CHOICES = b'"choices":[]'


@dataclass(frozen=True, slots=True)
class Completion:
    """An answer to a request, with the knobs that shape its JSON."""

    chat: ChatRequest
    answer: Answer
    knobs: Knobs


def json_body(completion: Completion) -> bytes:
    """The whole answer as one JSON object."""
    answer, knobs = completion.answer, completion.knobs
    fields = _head(completion, "chat.completion")
    fields["choices"] = [
        {
            "index": index,
            "message": answer.message,
            "logprobs": None,
            "finish_reason": answer.finish_reason,
        }
        for index in range(completion.chat.choices)
    ]
    if knobs.huge:
        # Before the usage, as a huge text would be.
        fields["pretend_padding"] = "x" * max(0, knobs.huge - len(_encode(fields)))
    if not knobs.no_usage:
        fields["usage"] = usage(completion)
    return _encode(fields | _tail())


def stream_events(completion: Completion) -> list[bytes]:
    """The answer as the JSON of a stream's events, `[DONE]` not among them."""
    answer, knobs = completion.answer, completion.knobs
    report = completion.chat.include_usage and not knobs.no_usage
    chunk = _head(completion, "chat.completion.chunk") | _tail() | {"choices": []}
    with_usage = chunk | {"usage": usage(completion)}
    opening, closing = _around_choices(chunk | ({"usage": None} if report else {}))
    starts = [opening + b'{"index":%d,"delta":' % index for index in range(completion.chat.choices)]
    more = b',"logprobs":null,"finish_reason":null}' + closing
    finish = b'{},"logprobs":null,"finish_reason":' + _encode(answer.finish_reason) + b"}"
    events = [start + delta + more for delta in answer.deltas for start in starts]
    events += [start + finish + closing for start in starts]
    if knobs.usage_in_last_content and not knobs.no_usage:
        events[-1] = starts[-1] + finish + _around_choices(with_usage)[1]
    elif report:
        events.append(_encode(with_usage))
    return events


def usage(completion: Completion) -> dict[str, Any]:
    """The tokens that the answer reports, over all its choices."""
    chat, answer, knobs = completion.chat, completion.answer, completion.knobs
    prompt_tokens = chat.prompt_tokens if knobs.input_tokens is None else knobs.input_tokens
    completion_tokens = chat.choices * answer.tokens
    return {
        "prompt_tokens": prompt_tokens,
        "completion_tokens": completion_tokens,
        "total_tokens": prompt_tokens + completion_tokens,
        "prompt_tokens_details": {"cached_tokens": knobs.cached_tokens, "audio_tokens": 0},
        "completion_tokens_details": {
            "reasoning_tokens": chat.choices * answer.reasoning_tokens,
            "audio_tokens": 0,
            "accepted_prediction_tokens": 0,
            "rejected_prediction_tokens": 0,
        },
    }


def _head(completion: Completion, kind: str) -> dict[str, Any]:
    return {
        "id": f"chatcmpl-{secrets.token_hex(14)}",
        "object": kind,
        "created": int(time.time()),
        "model": completion.chat.model.dated_name,
    }


def _tail() -> dict[str, Any]:
    return {"service_tier": "default", "system_fingerprint": "fp_pretend"}


def _around_choices(chunk: dict[str, Any]) -> tuple[bytes, bytes]:
    before, _, after = _encode(chunk).partition(_CHOICES)
    return before + _CHOICES[:-1], b"]" + after
