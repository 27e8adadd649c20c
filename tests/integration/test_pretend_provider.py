"""The pretend provider against the official SDK: answers, streams, tools and refusals."""

import re
from collections.abc import AsyncIterator

import aiohttp
import openai
import pytest
from openai import AsyncOpenAI
from pytest_aiohttp.plugin import AiohttpServer

from deploy.local.pretend_provider import create_pretend_provider
from pricing.chat_tokens import count_chat_prompt
from pricing.tokens import TokenCounter
from tests.support.pretend import KEY, PretendClient, chat, streamed, text_of

ENCODING = "o200k_base"
WEATHER_TOOL = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "The weather of a place.",
        "parameters": {
            "type": "object",
            "properties": {
                "place": {"type": "string"},
                "days": {"type": "integer"},
                "unit": {"type": "string", "enum": ["celsius", "fahrenheit"]},
                "note": {"type": "string"},
            },
            "required": ["place", "days", "unit"],
        },
    },
}
NAMED = {"type": "function", "function": {"name": "get_weather"}}


@pytest.fixture(scope="module")
def counter(tmp_path_factory: pytest.TempPathFactory) -> TokenCounter:
    return TokenCounter(tmp_path_factory.mktemp("ranks"))


@pytest.fixture
async def base_url(aiohttp_server: AiohttpServer, counter: TokenCounter) -> str:
    server = await aiohttp_server(create_pretend_provider(counter))
    return str(server.make_url("/v1"))


@pytest.fixture
async def sdk(base_url: str) -> AsyncIterator[AsyncOpenAI]:
    async with AsyncOpenAI(base_url=base_url, api_key="sk-any", max_retries=0) as client:
        yield client


@pytest.fixture
async def client(base_url: str) -> AsyncIterator[PretendClient]:
    async with aiohttp.ClientSession() as session:
        yield PretendClient(session, base_url)


async def test_an_answer_says_that_it_is_pretend_and_counts_its_tokens(
    sdk: AsyncOpenAI, counter: TokenCounter
) -> None:
    """Usage is what the real tokenizer counts, of the prompt and of the answer."""
    answer = await sdk.chat.completions.create(**chat())
    text = answer.choices[0].message.content or ""
    assert "pretend provider; no model was called" in text
    assert answer.choices[0].finish_reason == "stop"
    assert answer.usage is not None
    assert answer.usage.prompt_tokens == count_chat_prompt(counter, ENCODING, chat()["messages"])
    assert answer.usage.completion_tokens == counter.count(ENCODING, text)
    assert 40 <= answer.usage.completion_tokens <= 60
    assert answer.usage.total_tokens == (
        answer.usage.prompt_tokens + answer.usage.completion_tokens
    )


async def test_an_answer_has_every_field_and_header_of_a_real_one(client: PretendClient) -> None:
    """What reads real answers reads these."""
    response = await client.post(chat(max_tokens=2))
    answer = await response.json()
    assert re.fullmatch(r"chatcmpl-\w{20,}", answer.pop("id"))
    assert isinstance(answer.pop("created"), int)
    details = ["audio_tokens", "accepted_prediction_tokens", "rejected_prediction_tokens"]
    message = {"role": "assistant", "content": "This is", "refusal": None, "annotations": []}
    assert answer == {
        "object": "chat.completion",
        "model": "gpt-4o-mini-2024-07-18",
        "choices": [{"index": 0, "message": message, "logprobs": None, "finish_reason": "length"}],
        "usage": {
            "prompt_tokens": 10,
            "completion_tokens": 2,
            "total_tokens": 12,
            "prompt_tokens_details": {"cached_tokens": 0, "audio_tokens": 0},
            "completion_tokens_details": {"reasoning_tokens": 0, **dict.fromkeys(details, 0)},
        },
        "service_tier": "default",
        "system_fingerprint": "fp_pretend",
    }
    assert response.content_type == "application/json"
    assert re.fullmatch(r"req_\w{20,}", response.headers["x-request-id"])
    assert response.headers["openai-processing-ms"].isdigit()
    assert {"openai-organization", "openai-version", "x-ratelimit-remaining-tokens"} <= {
        name.lower() for name in response.headers
    }


async def test_a_stream_has_a_role_then_text_then_a_reason_then_usage(
    client: PretendClient,
) -> None:
    """Each chunk but the last says `"usage": null`; the last has no choices."""
    first, *middle, finish, last = await client.stream(streamed(max_tokens=3))
    assert first["object"] == "chat.completion.chunk"
    assert first["choices"][0]["delta"] == {"role": "assistant", "content": "", "refusal": None}
    assert [chunk["choices"][0]["delta"] for chunk in middle] == [
        {"content": "This"},
        {"content": " is"},
        {"content": " a"},
    ]
    assert finish["choices"] == [
        {"index": 0, "delta": {}, "logprobs": None, "finish_reason": "length"}
    ]
    assert all(chunk["usage"] is None for chunk in [first, *middle, finish])
    assert last["choices"] == []
    assert last["usage"]["completion_tokens"] == 3
    assert len({chunk["id"] for chunk in [first, *middle, finish, last]}) == 1


async def test_a_stream_tells_its_usage_only_if_asked(client: PretendClient) -> None:
    """Without `include_usage` there is no such field at all."""
    chunks = await client.stream(chat(stream=True))
    assert all("usage" not in chunk and chunk["choices"] for chunk in chunks)


async def test_a_stream_says_the_same_as_a_json_answer(
    sdk: AsyncOpenAI, client: PretendClient
) -> None:
    """A client may choose either."""
    answer = await sdk.chat.completions.create(**chat())
    chunks = [chunk async for chunk in await sdk.chat.completions.create(**streamed())]
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    assert text == answer.choices[0].message.content
    assert chunks[-1].usage == answer.usage


async def test_several_choices_are_interleaved_and_all_counted(client: PretendClient) -> None:
    """With `n` the usage is that of all choices together."""
    answer = await (await client.post(chat(n=3, max_tokens=4))).json()
    assert [choice["index"] for choice in answer["choices"]] == [0, 1, 2]
    assert answer["usage"]["completion_tokens"] == 12
    chunks = await client.stream(streamed(n=3, max_tokens=4))
    indexes = [chunk["choices"][0]["index"] for chunk in chunks if chunk["choices"]]
    assert indexes == [0, 1, 2] * (1 + 4 + 1)
    assert {text_of(chunks, index) for index in range(3)} == {"This is a pretend"}
    assert chunks[-1]["usage"] == answer["usage"]


@pytest.mark.parametrize(("choice", "reason"), [("required", "tool_calls"), (NAMED, "stop")])
async def test_a_demanded_tool_is_called_with_arguments_that_fit_its_schema(
    sdk: AsyncOpenAI, counter: TokenCounter, choice: object, reason: str
) -> None:
    """What was written is what is counted: name and arguments."""
    body = chat(tools=[WEATHER_TOOL], tool_choice=choice)
    answer = await sdk.chat.completions.create(**body)
    (call,) = answer.choices[0].message.tool_calls or []
    assert call.type == "function"
    assert call.function.name == "get_weather"
    assert call.function.arguments == '{"place":"pretend","days":1,"unit":"celsius"}'
    assert answer.choices[0].finish_reason == reason
    assert answer.usage is not None
    assert answer.usage.completion_tokens == counter.count_all(
        ENCODING, ["get_weather", call.function.arguments]
    )


async def test_a_streamed_tool_call_comes_in_pieces_that_the_sdk_puts_together(
    sdk: AsyncOpenAI,
) -> None:
    """The first piece has id and name, the others have arguments."""
    body = chat(tools=[WEATHER_TOOL], tool_choice="required")
    async with sdk.chat.completions.stream(**body) as stream:
        answer = await stream.get_final_completion()
    (call,) = answer.choices[0].message.tool_calls or []
    assert call.id.startswith("call_")
    assert call.function.arguments == '{"place":"pretend","days":1,"unit":"celsius"}'
    assert answer.choices[0].finish_reason == "tool_calls"


async def test_a_tool_call_is_cut_at_the_limit(client: PretendClient) -> None:
    """The limit holds for arguments as for text."""
    body = chat(tools=[WEATHER_TOOL], tool_choice="required", max_tokens=6)
    answer = await (await client.post(body)).json()
    assert answer["choices"][0]["finish_reason"] == "length"
    assert answer["usage"]["completion_tokens"] == 6


async def test_tools_cost_a_quarter_of_their_bytes(client: PretendClient) -> None:
    """The real provider's own text of them is not known; this comes near."""
    plain = await (await client.post(chat())).json()
    tools = [{"type": "function", "function": {"name": "f"}}]
    with_tools = await (await client.post(chat(tools=tools))).json()
    bytes_of_tools = len('[{"type":"function","function":{"name":"f"}}]')
    assert with_tools["usage"]["prompt_tokens"] - plain["usage"]["prompt_tokens"] == -(
        -bytes_of_tools // 4
    )


async def test_models_are_listed_and_shown(sdk: AsyncOpenAI) -> None:
    """As the real one does it."""
    models = [model.id async for model in sdk.models.list()]
    assert models == ["gpt-4o-mini", "gpt-4o", "o4-mini"]
    assert (await sdk.models.retrieve("gpt-4o")).object == "model"
    with pytest.raises(openai.NotFoundError):
        await sdk.models.retrieve("gpt-0")


async def test_a_prompt_longer_than_the_context_window_is_refused(sdk: AsyncOpenAI) -> None:
    """And is counted without holding up other calls."""
    messages = [{"role": "user", "content": "word " * 130_000}]
    with pytest.raises(openai.BadRequestError) as refusal:
        await sdk.chat.completions.create(**chat(messages=messages))
    assert refusal.value.code == "context_length_exceeded"


@pytest.mark.parametrize("authorization", [None, "", "Bearer", "Bearer ", "Basic sk-any"])
async def test_nobody_gets_in_without_a_key(
    client: PretendClient, authorization: str | None
) -> None:
    """401, with the envelope."""
    headers = {} if authorization is None else {"Authorization": authorization}
    url = f"{client.base_url}/chat/completions"
    async with client.session.post(url, json=chat(), headers=headers) as response:
        assert response.status == 401
        assert (await response.json())["error"]["code"] == "invalid_api_key"


async def test_a_provider_with_a_key_of_its_own_takes_no_other(
    aiohttp_server: AiohttpServer, counter: TokenCounter
) -> None:
    """So that a test sees whose key was sent."""
    server = await aiohttp_server(create_pretend_provider(counter, api_key="sk-provider"))
    base_url = str(server.make_url("/v1"))
    async with AsyncOpenAI(base_url=base_url, api_key="sk-provider") as good:
        assert await good.chat.completions.create(**chat())
    async with AsyncOpenAI(base_url=base_url, api_key="sk-any", max_retries=0) as wrong:
        with pytest.raises(openai.AuthenticationError):
            await wrong.chat.completions.create(**chat())


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/v1/chat/completions", 405), ("POST", "/v1/nothing", 404), ("GET", "/", 404)],
)
async def test_unknown_routes_have_the_envelope_too(
    client: PretendClient, method: str, path: str, status: int
) -> None:
    """Whatever goes wrong, it is JSON."""
    url = client.base_url.removesuffix("/v1") + path
    async with client.session.request(method, url, headers=KEY) as response:
        assert response.status == status
        assert (await response.json())["error"]["type"] == "invalid_request_error"
