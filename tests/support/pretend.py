"""Asking the pretend provider in tests."""

import json
from typing import Any

import aiohttp

KEY = {"Authorization": "Bearer sk-any"}


def knobs(**values: float) -> dict[str, str]:
    """Headers that turn knobs: `output_tokens=5` is `x-pretend-output-tokens: 5`."""
    return {f"x-pretend-{name.replace('_', '-')}": str(value) for name, value in values.items()}


def chat(**fields: object) -> dict[str, Any]:
    """The body of a small request, with other fields added or replaced."""
    messages = [{"role": "user", "content": "Say something."}]
    return {"model": "gpt-4o-mini", "messages": messages, **fields}


def streamed(**fields: object) -> dict[str, Any]:
    """The body of a small request for a stream that reports its usage."""
    return chat(stream=True, stream_options={"include_usage": True}, **fields)


class PretendClient:
    """Posts chat completions with a key, and with knobs by name."""

    def __init__(self, session: aiohttp.ClientSession, base_url: str) -> None:
        self.session = session
        self.base_url = base_url

    async def post(self, body: object, **values: float) -> aiohttp.ClientResponse:
        """The answer, of which nothing but the head has been read."""
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        headers = KEY | knobs(**values)
        return await self.session.post(
            f"{self.base_url}/chat/completions", data=data, headers=headers
        )

    async def stream(self, body: object, **values: float) -> list[dict[str, Any]]:
        """All events of a stream, without its `[DONE]`, which must be there."""
        response = await self.post(body, **values)
        events = events_of(await response.read())
        assert events.pop() == "[DONE]"
        return events


def events_of(content: bytes, line_end: str = "\n") -> list[Any]:
    """The events of a stream, decoded; `[DONE]` as that string. The last one must be whole."""
    *frames, rest = content.decode().split(line_end * 2)
    assert rest == ""
    data = [frame.removeprefix("data: ") for frame in frames]
    assert all(frame.startswith("data: ") and "\n" not in frame for frame in frames)
    return [event if event == "[DONE]" else json.loads(event) for event in data]


def text_of(events: list[dict[str, Any]], index: int = 0) -> str:
    """What one choice of a stream says."""
    choices = [choice for event in events for choice in event["choices"]]
    return "".join(
        choice["delta"].get("content") or "" for choice in choices if choice["index"] == index
    )
