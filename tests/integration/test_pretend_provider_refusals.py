"""The pretend provider's strictness: what the real one refuses, it refuses."""

from collections.abc import AsyncIterator

import aiohttp
import pytest
from pytest_aiohttp.plugin import AiohttpServer

from deploy.local.pretend_provider import create_pretend_provider
from pricing.tokens import TokenCounter
from tests.support.pretend import PretendClient, chat

USER = {"role": "user", "content": "Hi"}
CUSTOM = {"type": "custom", "custom": {"name": "c"}}
FUNCTION = {"type": "function", "function": {"name": "f"}}


@pytest.fixture(scope="module")
def counter(tmp_path_factory: pytest.TempPathFactory) -> TokenCounter:
    return TokenCounter(tmp_path_factory.mktemp("ranks"))


@pytest.fixture
async def client(
    aiohttp_server: AiohttpServer, counter: TokenCounter
) -> AsyncIterator[PretendClient]:
    server = await aiohttp_server(create_pretend_provider(counter))
    async with aiohttp.ClientSession() as session:
        yield PretendClient(session, str(server.make_url("/v1")))


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b'"text"',
        b"\xff\xfe",
        b'{"model": "gpt-4o", "temperature": NaN}',
        b"[" * 100_000,
        b'{"seed": ' + b"9" * 5000 + b"}",
    ],
)
async def test_what_is_no_json_object_is_refused(client: PretendClient, body: bytes) -> None:
    """400, with the envelope."""
    response = await client.post(body)
    assert response.status == 400
    error = (await response.json())["error"]
    assert (error["type"], error["param"]) == ("invalid_request_error", None)


@pytest.mark.parametrize(
    ("fields", "param", "code"),
    [
        ({"temperature": 2.5}, "temperature", "decimal_above_max_value"),
        ({"temperature": "hot"}, "temperature", "invalid_type"),
        ({"top_p": -1}, "top_p", "decimal_below_min_value"),
        ({"n": 0}, "n", "integer_below_min_value"),
        ({"n": 129}, "n", "integer_above_max_value"),
        ({"n": True}, "n", "invalid_type"),
        ({"n": 1.0}, "n", "invalid_type"),
        ({"stream": 1}, "stream", "invalid_type"),
        ({"stop": 5}, "stop", "invalid_type"),
        ({"user": ["me"]}, "user", "invalid_type"),
        ({"logit_bias": []}, "logit_bias", "invalid_type"),
        ({"verbosity": "loud"}, "verbosity", "invalid_value"),
        ({"max_tokens": 0}, "max_tokens", "integer_below_min_value"),
        ({"max_tokens": -1}, "max_tokens", "integer_below_min_value"),
        ({"max_tokens": "5"}, "max_tokens", "invalid_type"),
        ({"max_tokens": 16_385}, "max_tokens", "invalid_value"),
        ({"max_completion_tokens": 16_385}, "max_completion_tokens", "invalid_value"),
        (
            {"max_tokens": 5, "max_completion_tokens": 5},
            "max_tokens",
            "invalid_parameter_combination",
        ),
        ({"model": "o4-mini", "max_tokens": 5}, "max_tokens", "unsupported_parameter"),
        ({"model": None}, "model", "invalid_type"),
        ({"stream_options": {"include_usage": True}}, "stream_options", None),
        (
            {"stream": True, "stream_options": {"include_usage": 1}},
            "stream_options.include_usage",
            "invalid_type",
        ),
        (
            {"stream": True, "stream_options": {"other": True}},
            "stream_options.other",
            "unknown_parameter",
        ),
        ({"tool_choice": "required"}, "tool_choice", None),
        ({"tools": [FUNCTION], "tool_choice": "always"}, "tool_choice", "invalid_value"),
        (
            {"tools": [FUNCTION], "tool_choice": {"type": "function", "function": {"name": "g"}}},
            "tool_choice",
            None,
        ),
        ({"tools": [CUSTOM], "tool_choice": CUSTOM}, "tool_choice.type", "invalid_value"),
        ({"tools": [5]}, "tools[0]", "invalid_type"),
        ({"tools": [{"function": {}}]}, "tools[0].type", "missing_required_parameter"),
        (
            {"tools": [{"type": "function", "function": {}}]},
            "tools[0].function.name",
            "missing_required_parameter",
        ),
        ({"tools": [FUNCTION] * 129}, "tools", "array_above_max_length"),
    ],
)
async def test_a_field_that_is_wrong_is_named(
    client: PretendClient, fields: dict[str, object], param: str, code: str | None
) -> None:
    """400, with the field in `param`."""
    response = await client.post(chat(**fields))
    assert response.status == 400
    error = (await response.json())["error"]
    assert (error["param"], error["code"]) == (param, code)


@pytest.mark.parametrize(
    ("messages", "param", "code"),
    [
        ([], "messages", "empty_array"),
        ("Hi", "messages", "invalid_type"),
        (None, "messages", "invalid_type"),
        (["Hi"], "messages[0]", "invalid_type"),
        ([USER, {"content": "Hi"}], "messages[1].role", "missing_required_parameter"),
        ([{"role": "boss", "content": "Hi"}], "messages[0].role", "invalid_value"),
        ([{"role": 5, "content": "Hi"}], "messages[0].role", "invalid_type"),
        ([{"role": "user"}], "messages[0].content", "invalid_type"),
        ([{"role": "user", "content": 5}], "messages[0].content", "invalid_type"),
        ([{"role": "user", "content": ["Hi"]}], "messages[0].content[0]", "invalid_type"),
        (
            [{"role": "user", "content": [{"type": "smell"}]}],
            "messages[0].content[0].type",
            "invalid_value",
        ),
        (
            [{"role": "user", "content": [{"type": "text"}]}],
            "messages[0].content[0].text",
            "missing_required_parameter",
        ),
        (
            [{"role": "tool", "content": "Hi"}],
            "messages[0].tool_call_id",
            "missing_required_parameter",
        ),
        ([USER | {"name": 5}], "messages[0].name", "invalid_type"),
        (
            [{"role": "assistant", "tool_calls": {}}],
            "messages[0].tool_calls",
            "invalid_type",
        ),
    ],
)
async def test_a_message_that_is_wrong_is_named(
    client: PretendClient, messages: object, param: str, code: str
) -> None:
    """400, with the place in `param`."""
    response = await client.post(chat(messages=messages))
    assert response.status == 400
    error = (await response.json())["error"]
    assert (error["param"], error["code"]) == (param, code)


async def test_a_request_without_messages_or_model_is_refused(client: PretendClient) -> None:
    """400 each."""
    response = await client.post({"model": "gpt-4o"})
    assert (await response.json())["error"]["param"] == "messages"
    response = await client.post({"messages": [USER]})
    assert response.status == 400
    assert "model" in (await response.json())["error"]["message"]


async def test_an_unknown_model_is_not_found(client: PretendClient) -> None:
    """404, with the code that clients look for."""
    response = await client.post(chat(model="gpt-0"))
    assert response.status == 404
    error = (await response.json())["error"]
    assert error["code"] == "model_not_found"
    assert "gpt-0" in error["message"]


@pytest.mark.parametrize("names", [["tempature"], ["best_of", "max_output_tokens"]])
async def test_unknown_fields_are_refused_by_name(client: PretendClient, names: list[str]) -> None:
    """A field that is not the provider's own never passes in silence."""
    response = await client.post(chat(**dict.fromkeys(names, 1)))
    assert response.status == 400
    message = (await response.json())["error"]["message"]
    assert message.startswith("Unrecognized request argument")
    assert message.endswith(", ".join(names))


@pytest.mark.parametrize(
    "fields",
    [
        {"max_tokens": None, "max_completion_tokens": 5, "n": None, "stream": None, "stop": None},
        {"temperature": 1, "top_p": 0.5, "seed": -5, "stop": ["a"], "logit_bias": {"50": 1}},
        {"user": "me", "metadata": {"a": "b"}, "store": False, "parallel_tool_calls": True},
        {"response_format": {"type": "text"}, "reasoning_effort": "low", "service_tier": "auto"},
        {"tools": [FUNCTION], "tool_choice": "auto"},
        {"tools": [FUNCTION, CUSTOM], "tool_choice": "none"},
        {"tools": [CUSTOM], "tool_choice": "required"},
        {"stream": False, "stream_options": None},
        {"model": "gpt-4o-2024-08-06"},
        {"messages": [USER, {"role": "assistant", "tool_calls": []}]},
        {"messages": [{"role": "tool", "tool_call_id": "call_1", "content": "done"}]},
        {"messages": [{"role": "user", "content": [{"type": "text", "text": "\ud800"}]}]},
        {"messages": [{"role": "developer", "name": "Ann", "content": ""}]},
    ],
)
async def test_what_the_real_one_accepts_is_accepted(
    client: PretendClient, fields: dict[str, object]
) -> None:
    """Strict, but no stricter than the real one."""
    response = await client.post(chat(**fields))
    assert response.status == 200, await response.text()
    assert (await response.json())["choices"][0]["message"]["content"]
