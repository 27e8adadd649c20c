"""Bodies of calls, and what reading makes of them."""

import msgspec
import pytest

from console.errors import ApiError
from pricing.quote import CallBounds
from proxy.calls.reading import bounds_of, decode_chat
from tests.support.rates import shipped_table

TABLE = shipped_table()
MODEL = TABLE.models["gpt-4o-mini"]
MESSAGES = b'"messages":[{"role":"user","content":"Hi"}]'
IMAGE = {"type": "image_url", "image_url": {"url": "https://example.com/a.png"}}
FILE = {"type": "file", "file": {"file_id": "file-1"}}


def body(more: bytes = b"", messages: bytes = MESSAGES) -> bytes:
    """A good body, with more fields."""
    return b'{"model":"gpt-4o-mini",' + messages + (b"," + more if more else b"") + b"}"


def read(content: bytes) -> CallBounds:
    """The bounds of a body that is accepted."""
    return bounds_of(decode_chat(content), MODEL, len(content))


def said(*contents: object, **fields: object) -> bytes:
    """A body with a message for each content."""
    messages = [{"role": "user", "content": content} for content in contents]
    return msgspec.json.encode({"model": "gpt-4o-mini", "messages": messages, **fields})


def refusal(content: bytes) -> tuple[int, str, str | None]:
    """Status, code and field of a refusal."""
    with pytest.raises(ApiError) as raised:
        read(content)
    return raised.value.status, raised.value.code, raised.value.body["error"]["param"]
